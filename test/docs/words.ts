/** Words and phrases that the code of this field does not use: say who does what, and use its terms. */
const avoided = [
  'nobody',
  'somebody',
  'whoever',
  'beside',
  'any more',
  'meanwhile',
  'told of',
  'tells of',
  'stands for',
  'heard of',
  'hears of',
];
const either = avoided.map(
  (word) => `[${word[0]?.toUpperCase()}${word[0]}]${word.slice(1).replaceAll(' ', String.raw`\s+`)}`,
);
const pattern = new RegExp(String.raw`(?<![\w-])(?:${either.join('|')})(?![\w-])`, 'g');

/** Where a text has such words, with their lines. */
export function avoidedWordsIn(text: string): string[] {
  // A comment goes on in its next line, behind what begins that.
  const joined = text.replaceAll(/\n[ \t]*(?:\*(?!\/)|\/\/|>)?[ \t]*/g, (gap) => gap.replaceAll(/[^\n]/g, ' '));
  return [...joined.matchAll(pattern)].map(
    ({ 0: word, index }) =>
      `${joined.slice(0, index).split('\n').length}: ${word.replaceAll(/\s+/g, ' ').toLowerCase()}`,
  );
}

/** The same, of the name of a file. */
export function avoidedWordsInName(path: string): string[] {
  return avoidedWordsIn(path.replaceAll(/[-_./\\]/g, ' ')).map((found) => found.slice('1: '.length));
}
