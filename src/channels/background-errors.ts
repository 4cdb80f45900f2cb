import { describeThrown, emitWarning, fieldOf, isError } from '../core/index.ts';
import { type BackgroundErrorEvent, backgroundError, channelNames } from './moments.ts';

/** Warnings that were given, so that a loop that keeps failing does not repeat them. */
const warned = new Set<string>();
const mostWarnings = 100;

/** Reports an error that no caller is waiting for. Without a subscriber it becomes a process warning, once for each text. */
export function reportBackgroundError({ source, error }: BackgroundErrorEvent): void {
  if (backgroundError.hasSubscribers) {
    backgroundError.publish({ source, error });
    return;
  }
  const text = `${source}: ${inWords(error)}`;
  if (warned.has(text) || warned.size >= mostWarnings) return;
  warned.add(text);
  emitWarning('SLUICE_BACKGROUND_ERROR', `${text} (subscribe to ${channelNames.backgroundError} to handle this)`, {
    cause: error,
  });
}

/** An error in a warning, with its cause. Of a value that is no error only its kind is told: it may hold a secret. */
export function inWords(error: unknown): string {
  const cause = fieldOf(error, 'cause');
  return `${alone(error)}${isError(cause) ? ` Cause: ${alone(cause)}` : ''}`;
}

function alone(error: unknown): string {
  // A number is told to those who look at what is stored; a log is read by more.
  if (typeof error === 'number') return 'no error was thrown, but a number';
  const { name, message } = describeThrown(error);
  return isError(error) ? `${name}: ${message}` : message;
}
