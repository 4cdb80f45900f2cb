import type { Step } from '../driver/index.ts';
import { type ClientSettings, noSettings } from './client-settings.ts';
import { board, type Flight } from './rider.ts';

export const beginStep: Step = { type: 'begin', characteristics: { isolation: undefined, readOnly: false } };
const commit: Step = { type: 'commit' };

/**
 * Statements outside of a transaction: with settings they are one of their own, in which those hold, and which no procedure can
 * end before its last statement.
 * @throws MissingSettingError, InvalidSettingError
 */
export function alone(statements: readonly Step[], settings: ClientSettings): Flight {
  const here = settings.here();
  if (here === noSettings) return board(statements, undefined);
  return board([beginStep, ...statements, commit], {
    seat: 'afterBegin',
    statement: settings.statement(here, noSettings),
    refused: (cause) => settings.refused(cause),
  });
}
