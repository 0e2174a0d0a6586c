// The data of the page: JSON in an element of its own, whose large arrays stay packed until something shows them.
// README.md beside this file describes it.

const report_data = JSON.parse(document.getElementById("data").textContent);

const array_types = { f32: Float32Array, u8: Uint8Array, u16: Uint16Array, i32: Int32Array };

const unpacked_arrays = new WeakMap();

function bytes_of_base64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text); // where browsers have it, since 2025
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; ++i) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

// A promise of the typed array; one that was unpacked before is kept.
function unpack(packed) {
  let promise = unpacked_arrays.get(packed);
  if (!promise) {
    const stream = new Blob([bytes_of_base64(packed.data)]).stream().pipeThrough(new DecompressionStream("deflate"));
    promise = new Response(stream).arrayBuffer().then((buffer) => new array_types[packed.dtype](buffer));
    unpacked_arrays.set(packed, promise);
  }
  return promise;
}

let half_table = null;

// float16 bits as numbers: a table of all 65,536 of them is quicker than arithmetic.
function halves_as_floats(bits) {
  if (!half_table) {
    half_table = new Float32Array(65536);
    for (let i = 0; i < 65536; ++i) {
      const exponent = (i >> 10) & 31;
      const fraction = i & 1023;
      const size =
        exponent === 0
          ? fraction * 2 ** -24
          : exponent === 31
            ? fraction
              ? NaN
              : Infinity
            : (1 + fraction / 1024) * 2 ** (exponent - 15);
      half_table[i] = i & 0x8000 ? -size : size;
    }
  }
  const result = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; ++i) result[i] = half_table[bits[i]];
  return result;
}
