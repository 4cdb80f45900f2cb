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
  const cause = fieldOf(error, 'cause');
  const text = `${source}: ${inWords(error)}${isError(cause) ? ` Cause: ${inWords(cause)}` : ''}`;
  if (warned.has(text) || warned.size >= mostWarnings) return;
  warned.add(text);
  emitWarning('SLUICE_BACKGROUND_ERROR', `${text} (subscribe to ${channelNames.backgroundError} to handle this)`, {
    cause: error,
  });
}

function inWords(error: unknown): string {
  const { name, message } = describeThrown(error);
  return isError(error) ? `${name}: ${message}` : typeof error;
}
