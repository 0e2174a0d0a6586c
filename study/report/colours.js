// Colours that colour-blind people can tell apart: lines after Okabe and Ito ("Color Universal Design", 2008), maps in
// viridis (matplotlib's, by Smith and van der Walt), which also grows evenly in lightness.

// Yellow is left out, which nobody sees on white; the last stands for black, which nobody sees in the dark.
const line_colours = {
  light: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b07c00", "#56b4e9", "#4d4d4d"],
  dark: ["#56b4e9", "#e69f00", "#2dc79a", "#e39ac4", "#f0e442", "#5a9bd8", "#bdbdbd"],
};
const line_colour = (index, theme = current_theme()) => line_colours[theme][index % line_colours[theme].length];

const dark_preferred = matchMedia("(prefers-color-scheme: dark)");

// "light" or "dark": what is shown, whoever has chosen it.
const current_theme = () => document.documentElement.dataset.theme;

// A colour of style.css, as canvases need it.
const style_colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// viridis as polynomials of degree 6, within 2 of 255 of the table (coefficients by Matt Zucker, CC0).
const viridis_coefficients = [
  [
    0.2777273272234177, 0.1050930431085774, -0.3308618287255563, -4.634230498983486, 6.228269936347081,
    4.776384997670288, -5.435455855934631,
  ],
  [
    0.005407344544966578, 1.404613529898575, 0.214847559468213, -5.799100973351585, 14.17993336680509,
    -13.74514537774601, 4.645852612178535,
  ],
  [
    0.3340998053353061, 1.384590162594685, 0.09509516302823659, -19.33244095627987, 56.69055260068105,
    -65.35303263337234, 26.3124352495832,
  ],
];

const viridis_bytes = (() => {
  const bytes = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; ++i) {
    viridis_coefficients.forEach((coefficients, channel) => {
      const value = coefficients.reduceRight((sum, coefficient) => sum * (i / 255) + coefficient, 0);
      bytes[3 * i + channel] = Math.round(255 * Math.min(1, Math.max(0, value)));
    });
  }
  return bytes;
})();

// The same as words that ImageData takes as they are in memory: alpha, blue, green, red.
const viridis_words = Uint32Array.from(
  { length: 256 },
  (_, i) =>
    ((255 << 24) | (viridis_bytes[3 * i + 2] << 16) | (viridis_bytes[3 * i + 1] << 8) | viridis_bytes[3 * i]) >>> 0,
);

const viridis_index = (share) => Math.min(255, Math.max(0, Math.round(255 * share)));

function viridis(share) {
  const i = 3 * viridis_index(share);
  return `rgb(${viridis_bytes[i]},${viridis_bytes[i + 1]},${viridis_bytes[i + 2]})`;
}

// Of black and white what reads better on a colour of the map: WCAG's contrast is at least 4.5 with one of them.
function ink_on_viridis(share) {
  const linear = (byte) => (byte <= 10 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4);
  const i = 3 * viridis_index(share);
  const luminance =
    0.2126 * linear(viridis_bytes[i]) + 0.7152 * linear(viridis_bytes[i + 1]) + 0.0722 * linear(viridis_bytes[i + 2]);
  return luminance > 0.179 ? "#000000" : "#ffffff";
}
