import { describe, expect, it } from 'vitest';
import type { Exchange, QueryResult, Step } from '../../src/driver/index.ts';
import { board } from '../../src/riders/index.ts';

type Boarded = NonNullable<Parameters<typeof board>[1]>;

const begin: Step = { type: 'begin', characteristics: { isolation: undefined, readOnly: false } };
const savepoint: Step = { type: 'savepoint', name: 's' };
const commit: Step = { type: 'commit' };
const statement = (text: string): Step => ({ type: 'statement', statement: { text } });
const result = (command: string): QueryResult => ({ rows: [], rowCount: 0, command, fields: [] });

const own: readonly Step[] = [begin, savepoint, statement('one'), statement('two'), commit];

function rider(seat: Boarded['seat'], heard: string[] = []): Boarded {
  return {
    seat,
    statement: { text: 'rider' },
    answered: ({ command }) => void heard.push(command),
    missed: () => void heard.push('missed'),
    refused: (cause) => new Error('refused', { cause }),
  };
}

const words = (steps: readonly Step[]): string =>
  steps.map((step) => (step.type === 'statement' ? step.statement.text : step.type)).join(' ');

const answer = (completed: number, results: readonly string[], more: Partial<Exchange> = {}): Exchange => ({
  completed,
  results: results.map(result),
  failure: undefined,
  ended: undefined,
  ...more,
});

describe('a rider', () => {
  it.each([
    ['afterBegin', 'begin rider savepoint one two commit'],
    ['beforeStatements', 'begin savepoint rider one two commit'],
    ['afterStatements', 'begin savepoint one two rider commit'],
    ['beforeCommit', 'begin savepoint one two rider commit'],
    ['afterCommit', 'begin savepoint one two commit rider'],
  ] as const)('sits %s', (seat, expected) => {
    expect(words(board(own, rider(seat)).steps)).toBe(expected);
  });

  it('is not seen by those whose steps it travels with, and is told its answer', () => {
    const heard: string[] = [];
    const flight = board(own, rider('afterBegin', heard), rider('afterStatements', heard));
    const landed = flight.landed(answer(7, ['R1', 'ONE', 'TWO', 'R2'], { ended: 'committed' }));
    expect(landed).toEqual({ ...answer(5, ['ONE', 'TWO'], { ended: 'committed' }), failure: undefined });
    expect(heard).toEqual(['R1', 'R2']);
  });

  it('does not shift the failure of a statement', () => {
    const heard: string[] = [];
    const failure = { kind: 'statement', error: new Error('no') } as const;
    const flight = board(own, rider('afterBegin', heard), rider('afterStatements', heard));
    expect(flight.landed(answer(4, ['R1', 'ONE'], { failure }))).toEqual(answer(3, ['ONE'], { failure }));
    expect(heard).toEqual(['R1', 'missed']);
  });

  it('that fails says so, with an error of its own', () => {
    const cause = new Error('no');
    const boarded = rider('beforeStatements');
    const landed = board(own, boarded).landed(answer(2, [], { failure: { kind: 'statement', error: cause } }));
    expect(landed).toMatchObject({ completed: 2, results: [], refusedBy: boarded });
    expect(landed.failure?.error).toMatchObject({ message: 'refused', cause });
  });

  it.each(['cancelled', 'serialization', 'connectionLost'] as const)(
    'keeps the error of what is no refusal: %s',
    (kind) => {
      const failure = { kind, error: new Error('no') };
      expect(board(own, rider('afterBegin')).landed(answer(1, [], { failure })).failure).toEqual(failure);
    },
  );

  it('behind the end of a transaction does not undo it', () => {
    const failure = { kind: 'statement', error: new Error('no') } as const;
    const landed = board(own, rider('afterCommit')).landed(answer(5, ['ONE', 'TWO'], { failure, ended: 'committed' }));
    expect(landed).toMatchObject({ completed: 5, failure: undefined, ended: 'committed' });
  });
});
