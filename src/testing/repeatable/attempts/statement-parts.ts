import { partsWithoutChance } from './text-parts.ts';

const literal = /'(?:[^']|'')*'/g;
const number = /(?<![$\w])\d+(?:\.\d+)?\b/g;
/** Placeholders of a list, and lists of those: how many there are is a value. */
const parameters = /(?:\$\d+|\?)(?:\s*,\s*(?:\$\d+|\?))*/g;
const tuples = /(\(<values>\))(?:\s*,\s*\(<values>\))+/g;

/** The text of a statement without its values, and without what in it is made of chance or the time. */
export function skeletonOf(text: string): string {
  const plain = text.replaceAll(literal, '?').replaceAll(number, '?');
  return partsWithoutChance(plain.replaceAll(parameters, '<values>').replaceAll(tuples, '$1')).frame;
}

/** The values that are written in the text of a statement. */
export function valuesIn(text: string): readonly string[] {
  const texts = (text.match(literal) ?? []).map((each) => each.slice(1, -1).replaceAll("''", "'"));
  return [...texts, ...(text.replaceAll(literal, '?').match(number) ?? [])];
}
