/** What a file that is no ONNX model looks like, as a sentence without its subject; undefined when nothing is recognised. */
export function recogniseFile(head: Uint8Array): string | undefined {
  const text = latin1(head);
  const start = text.trimStart().slice(0, 64).toLowerCase();
  if (text.startsWith('version https://git-lfs.github.com/spec/')) {
    return 'this is a Git LFS pointer, not the model itself; run "git lfs pull" in its repository to get the model';
  }
  if (text.startsWith('PK\u0003\u0004')) {
    const torch = text.includes('/data.pkl') || text.includes('/.format_version') || text.includes('/byteorder');
    return torch
      ? 'this is a PyTorch checkpoint (a zip archive with pickled data), not ONNX; export it with torch.onnx.export'
      : 'this is a zip archive, not an ONNX model; unpack it and open the .onnx file in it';
  }
  if (text.slice(4, 8) === 'TFL3') return 'this is a TensorFlow Lite model, not ONNX; convert it with tf2onnx';
  if (text.slice(4, 8) === 'ORTM') return 'this is an ONNX Runtime ".ort" model; open the .onnx file it was made from';
  if (text.startsWith('\u0089HDF\r\n'))
    return 'this is an HDF5 file (such as a Keras model), not ONNX; convert it with tf2onnx';
  if (text.startsWith('\u0080\u0002') || text.startsWith('\u0080\u0004')) {
    return 'this is Python pickle data (such as an old PyTorch checkpoint), not ONNX; export it with torch.onnx.export';
  }
  if (text.startsWith('GGUF')) return 'this is a GGUF model, not ONNX';
  if (text.startsWith('\u0093NUMPY')) return 'this is a NumPy array, not an ONNX model';
  if (text.startsWith('\u001f\u008b')) return 'this is gzip-compressed; decompress it first';
  if (text[8] === '{' && text[9] === '"') return 'this looks like a safetensors file, which has weights but no graph';
  if (start.startsWith('<!doctype html') || start.startsWith('<html')) {
    return 'this is a web page, not a model; the download went wrong, get the file itself';
  }
  if (start.startsWith('<?xml')) return 'this is an XML file, not an ONNX model';
  if (start.startsWith('{') || start.startsWith('[')) return 'this looks like JSON text, not an ONNX model';
  if (head.length > 0 && isText(head)) return 'this is a text file, not an ONNX model';
  return undefined;
}

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Tabs, line ends and printable ASCII only: a protobuf model has control characters within its first bytes. */
function isText(bytes: Uint8Array): boolean {
  return bytes.every((byte) => (byte >= 32 && byte < 127) || (byte >= 9 && byte <= 13 && byte !== 11));
}
