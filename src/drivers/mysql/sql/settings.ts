import type { DriverSettings, Statement, Step } from '../../../driver/index.ts';

/** Servers take no more than 64 characters. */
const allowed = /^@[A-Za-z_]\w{0,62}$/;

const expected =
  'the name of a user variable: @ and letters, digits and underscores, at most 63 of them, such as @tenant';

/** The variables that a statement of this port sets. */
const namesSetBy = new WeakMap<Statement, readonly string[]>();

/**
 * Settings as user variables of the session. They stay when the transaction ends, so the session takes those back that what
 * comes next on it does not set again.
 */
export const mysqlSettings: DriverSettings = {
  checkName: (name) => (allowed.test(name) ? undefined : expected),
  apply(values, cleared) {
    const names = [...values.keys(), ...cleared];
    const statement: Statement = {
      text: `SET ${names.map((name) => `${name} = ?`).join(', ')}`,
      values: [...values.values(), ...cleared.map(() => null)],
    };
    namesSetBy.set(statement, names);
    return statement;
  },
};

/** The names of the settings that a step sets; nothing for any other one. */
export function settingsIn(step: Step | undefined): readonly string[] | undefined {
  return step?.type === 'statement' ? namesSetBy.get(step.statement) : undefined;
}

/** Takes settings back. */
export function clearText(names: readonly string[]): string {
  return `SET ${names.map((name) => `${name} = NULL`).join(', ')}`;
}
