import { MixedVersionsError } from './errors.ts';
import { ownFolder } from './origin.ts';
import { fieldOf } from './thrown-value.ts';
import { version } from './version.ts';

/** A loaded copy of the package. Later versions know it too, so its fields never change. */
export interface Copy {
  readonly version: string;
  /** Where its code is. */
  readonly folder: string;
}

/** The first copy of a version that was loaded; all copies of a version share one context. */
interface LoadedVersion extends Copy {
  /** The name of the transaction of that version that is open where it is called, if any. */
  transactionHere(): string | undefined;
}

const ownCopy: Copy = Object.freeze({ version, folder: ownFolder });

type Shared = Record<symbol, unknown>;

/** The versions that are loaded in the process: this one alone, in most. */
export const versions = ((globalThis as unknown as Shared)[Symbol.for('sluice.versions')] ??= new Map()) as Map<
  string,
  LoadedVersion
>;

/**
 * State that all copies of this version in the process have in common: found under a registered symbol, or made.
 * Other versions have their own, since what is kept there may differ from version to version.
 */
export function sharedByCopies<Value extends object>(name: string, make: () => Value): Value {
  return ((globalThis as unknown as Shared)[Symbol.for(`sluice.${name}@${version}`)] ??= make()) as Value;
}

/** Announces this version to the others that are loaded in the process. */
export function announceVersion(transactionHere: () => string | undefined): void {
  if (!versions.has(version)) versions.set(version, { ...ownCopy, transactionHere });
}

/** @throws MixedVersionsError where another version of the package has a transaction open: this one knows nothing of it */
export function assertOwnVersionHere(): void {
  for (const loaded of versions.values()) {
    if (loaded.version === version) continue;
    const transaction = loaded.transactionHere();
    if (transaction === undefined) continue;
    throw new MixedVersionsError({
      what: `Sluice ${describe(ownCopy)} was called inside the transaction "${transaction}" of Sluice ${describe(loaded)}, and cannot join it`,
      remedy: `${oneVersion}, or call it outside of that transaction`,
      other: loaded,
    });
  }
}

/** Under which an object shows the copy that has made it, so that another version can refuse it by name. */
const madeBy = Symbol.for('sluice.copy');

/** Notes which copy has made an object. It cannot come out of JSON. */
export function signed<Made extends object>(made: Made): Made {
  return Object.defineProperty(made, madeBy, { value: ownCopy });
}

/** @throws MixedVersionsError for an object that another version of the package has made */
export function refuseOtherVersion(owner: string, what: string, value: unknown): void {
  const other = fieldOf(value, madeBy) as Copy | undefined;
  if (other === undefined || other === ownCopy || other.version === version) return;
  throw new MixedVersionsError({
    what: `${owner} got ${what} of Sluice ${describe(other)}, and is of Sluice ${describe(ownCopy)}`,
    remedy: oneVersion,
    other,
  });
}

/** What a class shows to the copies of its version. */
interface Shown {
  readonly of: object;
  readonly inside: unknown;
}

/**
 * Lets the other copies of this version look into the objects of a class as this one does.
 * @param look what they see
 * @returns looks into an object of any copy of this version; undefined for anything else
 */
export function openToCopies<Owner extends object, Inside>(
  prototype: Owner,
  name: string,
  look: (owner: Owner) => Inside,
): (value: unknown) => Inside | undefined {
  const key = Symbol.for(`sluice.${name}@${version}`);
  Object.defineProperty(prototype, key, {
    get(this: Owner): Shown {
      return { of: this, inside: look(this) };
    },
  });
  return (value) => {
    const shown = fieldOf(value, key) as Shown | undefined;
    // A Proxy around the object is another object than the one that its parts know.
    return shown?.of === value ? (shown?.inside as Inside) : undefined;
  };
}

/**
 * Has `instanceof` hold for the objects of a class of every copy of the package; for a class that extends it as ever.
 * @param name the same in every copy, and of no other class
 */
export function knownToCopies(type: abstract new (...args: never[]) => object, name: string): void {
  const key = Symbol.for(`sluice.${name}`);
  Object.defineProperty(type.prototype, key, { value: true });
  Object.defineProperty(type.prototype, madeBy, { value: ownCopy });
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== type) return Function.prototype[Symbol.hasInstance].call(this, value);
      return typeof value === 'object' && value !== null && key in value;
    },
  });
}

const oneVersion = 'Let one version be installed: see "npm ls sluice", and run "npm dedupe"';

function describe({ version: named, folder }: Copy): string {
  return `${named} (${folder})`;
}
