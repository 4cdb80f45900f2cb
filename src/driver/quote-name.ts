import { InvalidOptionError } from '../core/index.ts';

/**
 * Quotes the names of an engine.
 * @param longest what its longest name has, measured by `lengthOf`: a server would cut a longer one, and mean another thing
 */
export function nameQuoter(
  quote: string,
  longest: number = Infinity,
  lengthOf: (name: string) => number = charactersOf,
): (name: string) => string {
  return (name) => {
    if (lengthOf(name) > longest) {
      throw new InvalidOptionError({
        what: `A name is ${lengthOf(name)} long, more than the ${longest} that this engine allows; nothing was sent`,
        remedy: 'Give the name that the table or column has',
      });
    }
    return quote + name.replaceAll(quote, quote + quote) + quote;
  };
}

export function bytesOf(name: string): number {
  return Buffer.byteLength(name);
}

function charactersOf(name: string): number {
  return name.length;
}
