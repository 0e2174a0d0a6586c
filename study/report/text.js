// Numbers and tokens as people read them.

const step_format = new Intl.NumberFormat("en-US");
const step_words = (step) => step_format.format(step);

function number_words(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2).replace("e+", "e").replaceAll("-", "−");
  if (Number.isInteger(value)) return step_format.format(value).replace("-", "−");
  return String(Number(value.toPrecision(digits))).replace("-", "−");
}

const probability_words = (p) =>
  p === null || p === undefined ? "–" : p > 0 && p < 0.001 ? p.toExponential(1).replace("-", "−") : p.toFixed(3);

function duration_words(seconds) {
  if (seconds === null || seconds === undefined) return "not recorded";
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// A token whose spaces, line breaks and other unseen characters can be seen; among them those that would turn the text
// around them (Unicode's bidirectional controls).
function token_words(token) {
  if (token === undefined || token === null) return "";
  if (token === "") return "∅";
  return token
    .replaceAll("\n", "⏎")
    .replaceAll("\t", "⇥")
    .replaceAll("\r", "␍")
    .replaceAll(" ", "␣")
    .replace(
      /[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
      (c) => `U+${c.codePointAt(0).toString(16).toUpperCase()}`,
    )
    .replaceAll("\u007f", "␡")
    .replace(/[\u0000-\u001f]/g, (c) => String.fromCodePoint(0x2400 + c.codePointAt(0)));
}

const shorten = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

const file_name = (text) => text.replace(/[^A-Za-z0-9._-]+/g, "_").replace(/^_+|_+$/g, "");

// Rows of a CSV file (RFC 4180). What is missing is an empty field.
function csv_text(rows) {
  const field = (value) => {
    if (value === null || value === undefined || Number.isNaN(value)) return "";
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(field).join(",")).join("\r\n") + "\r\n";
}
