const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const isoTime = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?/g;
const compactTime = /\d{8}T\d{4}(?:\d\d(?:\.\d+)?)?(?:Z|[+-]\d{4})?/g;
/** Day, month and year in any order, and a time of day. */
const dayTime = /\d{1,4}([-/.])\d\d?\1\d{1,4}(?:,? |T)\d\d?:\d\d(?::\d\d(?:\.\d+)?)?(?: ?[AP]M)?/gi;
const digits = /(?<!\d)20\d{10}(?:\d\d(?:\d{3})?)?(?!\d)/g;
/** A time that is written without its seconds was so long ago, in milliseconds, when it is looked at. */
const mostAgo = 120_000;
const word = /[\w-]{8,}/g;
const number = /\d+(?:\.\d+)?/g;

/** A text without what it has of the time, and without its numbers. */
export interface Parts {
  readonly frame: string;
  readonly numbers: readonly string[];
}

/** What of a text is the same whenever it is made, and its numbers. */
export function partsOf(text: string): Parts {
  return numbered(timeless(text));
}

/** The same, without words that look like chance. */
export function partsWithoutChance(text: string): Parts {
  return numbered(timeless(text).replaceAll(word, (each) => (isRandom(each) ? '<random>' : each)));
}

function timeless(text: string): string {
  return text
    .replaceAll(uuid, '<uuid>')
    .replaceAll(isoTime, '<time>')
    .replaceAll(compactTime, '<time>')
    .replaceAll(dayTime, '<time>')
    .replaceAll(digits, (each) => (isNowInDigits(each) ? '<time>' : each));
}

function numbered(text: string): Parts {
  return { frame: text.replaceAll(number, '<number>'), numbers: text.match(number) ?? [] };
}

/** Whether digits are year, month, day, hour and minute (and more) of now, here or in UTC: others may be a date with a count. */
function isNowInDigits(text: string): boolean {
  const [year = 0, month = 0, ...rest] = [0, 4, 6, 8, 10, 12].map((at) =>
    Number(text.slice(at, at === 0 ? 4 : at + 2)),
  );
  const [day = 0, hour = 0, minute = 0, second = 0] = rest;
  const given = [year, month - 1, day, hour, minute, second] as const;
  return [Date.UTC(...given), new Date(...given).valueOf()].some((time) => Math.abs(time - Date.now()) < mostAgo);
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
