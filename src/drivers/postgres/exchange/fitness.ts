import type { DriverConnection, Failure, Step } from '../../../driver/index.ts';
import { codeOf } from '../wire/server-error.ts';
import type { SessionFacts } from '../connecting/identify.ts';
import type { TargetSessionAttrs } from '../connecting/target-session.ts';

/** The server is being stopped, or has crashed. */
const goingServer: ReadonlySet<string> = new Set(['57P01', '57P02', '57P03']);

const forReading: ReadonlySet<TargetSessionAttrs> = new Set(['read-only', 'standby', 'prefer-standby']);

/** Whether a connection still leads to a server that can do what it is there for: one may become a standby, or read-only. */
export class Fitness {
  readonly #isForReading: boolean;
  readonly #couldWrite: boolean;
  /** The first step of what was sent last in no transaction; its connection sets it. */
  beginning: Step | undefined;
  /** As the connection has it. */
  unfit: DriverConnection['unfit'];

  constructor({ isReadOnly, isStandby }: SessionFacts, wanted: TargetSessionAttrs) {
    this.#isForReading = forReading.has(wanted);
    this.#couldWrite = !isReadOnly && !isStandby;
  }

  /** Says of a failure if it is one of the server, and not of what was asked. */
  judge(failure: Failure): Failure {
    const code = codeOf(failure.error);
    if (goingServer.has(code)) return { ...failure, elsewhere: true };
    if (code !== '25006' || this.#isForReading || isReadOnly(this.beginning)) return failure;
    this.unfit = this.#couldWrite ? 'server' : 'connection';
    return { ...failure, elsewhere: true };
  }
}

/** Whether a transaction was begun so, by a step or by a library's own text. */
function isReadOnly(beginning: Step | undefined): boolean {
  if (beginning?.type === 'begin') return beginning.characteristics.readOnly;
  return beginning?.type === 'statement' && /\bread\s+only\b/i.test(beginning.statement.text);
}
