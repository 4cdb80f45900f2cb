import type { Step } from '../driver/index.ts';
import { type ClientSettings, noSettings } from './client-settings.ts';
import { board, type Flight, type Rider } from './rider.ts';

export const beginStep: Step = { type: 'begin', characteristics: { isolation: undefined, readOnly: false } };
const commit: Step = { type: 'commit' };

/**
 * Statements outside of a transaction: with settings they are one of their own, in which those hold, and which no procedure can
 * end before its last statement. The same with a mark.
 * @throws MissingSettingError, InvalidSettingError
 */
export function alone(statements: readonly Step[], settings: ClientSettings | undefined, mark?: Rider): Flight {
  const rider = settings && riderOf(settings);
  if (rider === undefined && mark === undefined) return board(statements, undefined);
  // With a role that the settings set the mark might be refused.
  return board([beginStep, ...statements, commit], mark, rider);
}

function riderOf(settings: ClientSettings): Rider | undefined {
  const here = settings.here();
  if (here === noSettings) return undefined;
  return {
    seat: 'afterBegin',
    statement: settings.statement(here, noSettings),
    refused: (cause) => settings.refused(cause),
  };
}
