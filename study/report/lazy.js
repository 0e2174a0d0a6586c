// Drawings are made when they come into view and again when something that they show has changed: two hundred charts
// cost what the few on screen cost.

const drawings = new Set();

class Drawing {
  // `draw` fills `node`; it may return a promise.
  constructor(node, draw) {
    this.node = node;
    this.draw = draw;
    this.visible = false;
    this.stale = true;
    this.times = 0; // that it was drawn
    this.width = 0;
    node.drawing = this;
    drawings.add(this);
    visibility.observe(node);
    sizes.observe(node);
  }

  invalidate() {
    this.stale = true;
    if (this.visible) schedule(this);
  }

  update() {
    if (!this.stale || !this.visible || !this.node.isConnected) return;
    this.stale = false;
    Promise.resolve(this.draw()).then(() => ++this.times);
  }
}

const scheduled = new Set();

// All that one event changes is drawn in the next frame, in the order of invalidation; what takes that frame too long
// waits for the one after.
const milliseconds_a_frame = 8;

function schedule(drawing) {
  if (scheduled.size === 0) requestAnimationFrame(draw_scheduled);
  scheduled.add(drawing);
}

function draw_scheduled() {
  const until = performance.now() + milliseconds_a_frame;
  for (const drawing of scheduled) {
    scheduled.delete(drawing);
    drawing.update();
    if (performance.now() > until) break;
  }
  if (scheduled.size > 0) requestAnimationFrame(draw_scheduled);
}

const visibility = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      const { drawing } = entry.target;
      drawing.visible = entry.isIntersecting;
      if (drawing.visible && drawing.stale) schedule(drawing);
    }
  },
  { rootMargin: "150px" },
);

const sizes = new ResizeObserver((entries) => {
  for (const entry of entries) {
    const { drawing } = entry.target;
    const width = Math.round(entry.contentRect.width);
    if (width === drawing.width) continue;
    const first = drawing.width === 0;
    drawing.width = width;
    if (!first) drawing.invalidate();
  }
});

function invalidate_all() {
  for (const drawing of drawings) {
    if (drawing.node.isConnected) {
      drawing.invalidate();
    } else {
      visibility.unobserve(drawing.node);
      sizes.unobserve(drawing.node);
      drawings.delete(drawing);
    }
  }
}
