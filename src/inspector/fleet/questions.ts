/** What is asked over the bus. */
export interface Question {
  /** Names the question. */
  readonly id: string;
  /** The process that asks. */
  readonly from: string;
  /** `report`: each process reports what it does. `history`: who has the transaction tells what happened in its chain. */
  readonly about: 'report' | 'history';
  /** The id of the transaction. */
  readonly transaction?: string | undefined;
}

const form = /^q1 ([\w-]{1,64}) ([\w-]{1,64}) (report|history)(?: ([\w-]{1,64}))?$/;

export function questionText({ id, from, about, transaction }: Question): string {
  return `q1 ${id} ${from} ${about}${transaction === undefined ? '' : ` ${transaction}`}`;
}

/** Undefined: it is none. */
export function readQuestion(text: string): Question | undefined {
  const found = form.exec(text);
  if (found === null) return undefined;
  const [, id = '', from = '', about, transaction] = found;
  return { id, from, about: about === 'history' ? 'history' : 'report', transaction };
}

/** A process leaves. */
export function farewellText(processId: string): string {
  return `b1 ${processId}`;
}

/** The process that leaves; undefined: it is no farewell. */
export function readFarewell(text: string): string | undefined {
  return /^b1 ([\w-]{1,64})$/.exec(text)?.[1];
}
