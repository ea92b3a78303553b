// The package `form-data`, by the global `FormData`. `fetch` adds the content type.

class NodeFormData extends FormData {
  append(name, value, given) {
    const { filename, filepath, contentType } = typeof given === 'string' ? { filename: given } : given ?? {};
    const isBytes = value instanceof Uint8Array || value instanceof ArrayBuffer;
    if (typeof value?.pipe === 'function') throw new TypeError(`the field ${name} of the form is a stream; read it first, and give its bytes`);
    const file = filename ?? filepath;
    if (file === undefined && !isBytes) super.append(name, value);
    else super.append(name, new File([value], file ?? 'blob', { type: contentType ?? value.type ?? '' }));
  }
  getHeaders(headers) { return { ...headers }; }
  getLengthSync() { throw new Error('the length of a form is not known here; fetch finds it'); }
  hasKnownLength() { return false; }
  getBuffer() { throw new Error('give the form itself to fetch'); }
  submit() { throw new Error('submit of form-data is not available; use fetch'); }
}

module.exports = Object.assign(NodeFormData, { default: NodeFormData });
