import { type ErrorPlace, SluiceError } from './errors.ts';
import { storable } from './thrown-value.ts';

/** An error of Sluice on its way to another process, as JSON. */
interface TravellingError {
  readonly name: string;
  readonly message: string;
  readonly code: string;
  readonly remedy: string;
  readonly retryable: boolean;
  readonly clientName?: string | undefined;
  readonly level?: number | undefined;
}

const longest = { name: 100, message: 2_000, remedy: 1_000, clientName: 200 } as const;

/** What travels of the error of Sluice in what was thrown, if there is one. */
export function travelling(thrown: unknown): TravellingError | undefined {
  const found = SluiceError.find(thrown);
  if (found === undefined) return undefined;
  const { name, message, code, remedy, retryable, clientName, level } = found;
  return {
    name: storable(name, longest.name),
    message: storable(message, longest.message),
    code,
    remedy: storable(remedy, longest.remedy),
    retryable,
    ...(clientName === undefined ? {} : { clientName }),
    ...(level === undefined ? {} : { level }),
  };
}

/**
 * The error of Sluice that was thrown in another process. It has its name, message, code, remedy, `retryable` and `docs`, and is
 * an instance of `SluiceError` alone, since the fields of its class have not travelled.
 */
class ArrivedError extends SluiceError {
  override readonly code: string;

  constructor({ name, message, code, remedy, retryable }: TravellingError, at: ErrorPlace | undefined) {
    super({ what: '', remedy, retryable, at });
    this.name = name;
    this.message = message;
    this.code = code;
  }
}

/** The error that has travelled. What comes from outside may be anything: then there is none. */
export function arrived(value: unknown): SluiceError | undefined {
  if (!isTravelling(value)) return undefined;
  const { clientName, level } = value;
  const hasPlace = isShort(clientName, longest.clientName);
  const isLevel = Number.isInteger(level) && Number(level) >= 0 && Number(level) <= 1_000;
  return new ArrivedError(value, hasPlace ? { clientName, level: isLevel ? level : undefined } : undefined);
}

function isTravelling(value: unknown): value is TravellingError {
  if (typeof value !== 'object' || value === null) return false;
  const { name, message, code, remedy, retryable } = value as Partial<Record<keyof TravellingError, unknown>>;
  return (
    isShort(name, longest.name) &&
    isShort(message, longest.message) &&
    isShort(remedy, longest.remedy) &&
    typeof code === 'string' &&
    /^[A-Z][A-Z0-9_]{0,63}$/.test(code) &&
    typeof retryable === 'boolean'
  );
}

/** One character more is the sign that text was shortened. */
function isShort(value: unknown, most: number): value is string {
  return typeof value === 'string' && value.length <= most + 1;
}
