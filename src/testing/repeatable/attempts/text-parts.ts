const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const isoTime = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?/g;
const word = /[\w-]{8,}/g;
const number = /\d+(?:\.\d+)?/g;

/** What of a text is the same whenever it is made, and its numbers. */
export function partsOf(text: string): { readonly frame: string; readonly numbers: readonly string[] } {
  const plain = text
    .replaceAll(uuid, '<uuid>')
    .replaceAll(isoTime, '<time>')
    .replaceAll(word, (each) => (isRandom(each) ? '<random>' : each));
  return { frame: plain.replaceAll(number, '<number>'), numbers: plain.match(number) ?? [] };
}

/** A text such as an identifier of nanoid or a hash: letters and digits change often in it. */
function isRandom(text: string): boolean {
  const kinds = text
    .replaceAll(/[-_]/g, '')
    .split('')
    .map((each) => (/\d/.test(each) ? 'd' : /[A-Z]/.test(each) ? 'u' : 'l'));
  const changes = kinds.filter((kind, at) => at > 0 && kind !== kinds[at - 1]).length;
  return changes >= 4 || (changes >= 2 && text.length >= 16 && /^[0-9a-f]+$/i.test(text));
}
