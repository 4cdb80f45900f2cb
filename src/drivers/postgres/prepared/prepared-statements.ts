import type { RowShape } from '../wire/rows.ts';
import type { KnownText, StatementRegistry } from './statement-registry.ts';
import { effectsOf, type TextEffects } from './text-effects.ts';

/** How a text is to be sent. */
export interface PlannedText {
  readonly text: string;
  /** Its name on the server; empty for one that is sent once. */
  readonly name: string;
  /** Whether the server has to parse it. What it may have under the name is closed before. */
  readonly parse: boolean;
  /** Whether the server surely parses it now: a pooler that keeps track of texts may answer from what it has. */
  readonly isFresh: boolean;
  readonly seen: SeenText | undefined;
  /** What is sent for it every time, for a prepared text without values and rows. */
  message?: Buffer;
}

/** A text that a connection has seen, and its prepared statement once it was seen again. */
export interface SeenText {
  readonly effects: TextEffects | undefined;
  /** How to send it once the server has it under its name. */
  prepared: PlannedText | undefined;
  /** What it is to all connections of the client, from when it is prepared. */
  known: KnownText | undefined;
  /** When the server parsed it: one of an earlier epoch or generation is stale. */
  epoch: number;
  generation: number;
  /** How its rows are built, once that is known. */
  shape: RowShape | undefined;
}

/** Earlier than all. */
const unparsed = -1;

/**
 * The prepared statements of one connection: a text gets a name when it comes for the second time,
 * so that texts which are never repeated do not push out those that are. Bounded: of too many those go
 * that have not come again for the longest time, half of them at once. What is stale is parsed anew
 * under its name.
 */
export class PreparedStatements {
  readonly #limit: number;
  readonly #registry: StatementRegistry;
  readonly #isHidden: boolean;
  readonly #settings = new SettingsWatch();
  #recent = new Map<string, SeenText>();
  #older = new Map<string, SeenText>();
  /** Statement names on the server that are no longer needed; they are closed with the next exchange. */
  readonly #toClose = new Set<string>();
  /** A statement of the open transaction, or the last one outside of one, changed tables or types. */
  #schemaTouched = false;

  /**
   * @param limit how many texts are remembered; 0 turns prepared statements off
   * @param isHidden a pooler stands in between, which may keep what it has parsed for all of its clients
   */
  constructor(limit: number, registry: StatementRegistry, isHidden: boolean) {
    this.#isHidden = isHidden;
    this.#limit = limit;
    this.#registry = registry;
  }

  /** Says how to send a text next. What it plans to parse counts as parsed until it is forgotten. */
  plan(text: string): PlannedText {
    if (this.#limit === 0) return sentOnce(text);
    const seen = this.#recent.get(text) ?? this.#older.get(text);
    if (seen === undefined) {
      const effects = effectsOf(text);
      // Before it is remembered, since it may be to forget everything.
      if (effects !== undefined) this.#note(effects);
      this.#remember(text, newlySeen(effects));
      return sentOnce(text);
    }
    if (this.#older.delete(text)) this.#remember(text, seen);
    if (seen.effects !== undefined) this.#note(seen.effects);
    if (this.#settings.areChanged) return sentOnce(text);
    return this.#isUsable(seen) ? seen.prepared : this.#prepare(text, seen);
  }

  /** Says how to send a text next that names nothing, such as `BEGIN`, so that no setting changes what it means. */
  planControl(text: string): PlannedText {
    const seen = this.#recent.get(text);
    return seen !== undefined && this.#isUsable(seen) ? seen.prepared : this.plan(text);
  }

  /** Whether the server has a text prepared already. */
  has(text: string): boolean {
    const seen = this.#recent.get(text) ?? this.#older.get(text);
    return seen !== undefined && this.#isUsable(seen);
  }

  /** Whether the server has it under its name is unknown. */
  forget({ seen }: PlannedText): void {
    if (seen !== undefined) seen.epoch = unparsed;
  }

  /** It may be stale, on every connection of the client. */
  giveUp({ seen }: PlannedText): void {
    if (seen?.known !== undefined) seen.known.generation += 1;
  }

  /** All are stale, on every connection of the client. */
  schemaChanged(): void {
    this.#registry.schemaChanged();
  }

  /** The server has dropped all prepared statements (`DISCARD ALL`, `DEALLOCATE`). */
  clear(): void {
    this.#recent.clear();
    this.#older.clear();
    this.#toClose.clear();
  }

  /** A part of the transaction is about to be undone. */
  undone(): void {
    this.#settings.undone();
    if (this.#schemaTouched) this.#registry.schemaChanged();
  }

  /** A text is sent past all this, by a query object of `pg`. */
  noteSent(text: string): void {
    const effects = effectsOf(text);
    if (effects !== undefined) this.#note(effects);
  }

  /** Whether the end of the transaction changes what texts mean. */
  get isTouched(): boolean {
    return this.#schemaTouched || this.#settings.areTouched;
  }

  /** The transaction has ended. */
  ended(committed: boolean): void {
    this.#settings.ended(committed);
    if (!this.#schemaTouched) return;
    // What others have parsed since, they have parsed for the tables as they were.
    this.#schemaTouched = false;
    this.#registry.schemaChanged();
  }

  takeNamesToClose(): readonly string[] {
    if (this.#toClose.size === 0) return none;
    const names = [...this.#toClose];
    this.#toClose.clear();
    return names;
  }

  #isUsable(seen: SeenText): seen is SeenText & { readonly prepared: PlannedText } {
    return (
      seen.prepared !== undefined && seen.epoch === this.#registry.epoch && seen.generation === seen.known?.generation
    );
  }

  #prepare(text: string, seen: SeenText): PlannedText {
    const known = (seen.known ??= this.#registry.textOf(text));
    const prepared = this.#isHidden ? this.#version(text, known, seen) : named(text, known.name, seen);
    const isFresh = !this.#isHidden || known.version !== this.#registry.versionOf(known);
    known.version = this.#registry.versionOf(known);
    seen.epoch = this.#registry.epoch;
    seen.generation = known.generation;
    seen.shape = undefined;
    this.#toClose.delete(prepared.name);
    return { ...prepared, parse: true, isFresh };
  }

  /** A text that was stale is another one from then on, since a pooler would answer for the server. */
  #version(text: string, known: KnownText, seen: SeenText): PlannedText {
    const version = this.#registry.versionOf(known);
    const name = version === '' ? known.name : `${known.name}_${version}`;
    if (seen.prepared !== undefined && seen.prepared.name !== name) {
      this.#toClose.add(seen.prepared.name);
      seen.prepared = undefined;
    }
    return named(version === '' ? text : `${text}\n-- ${version}`, name, seen);
  }

  #note(effects: TextEffects): void {
    if (effects.dropsAll) this.clear();
    if (effects.changesSchema) {
      this.#schemaTouched = true;
      this.#registry.schemaChanged();
    }
    if (effects.settings !== 0) this.#settings.note(effects);
  }

  #remember(text: string, seen: SeenText): void {
    if (this.#recent.size >= Math.max(1, Math.floor(this.#limit / 2))) {
      const [dropped, kept] = this.#limit === 1 ? [this.#recent, this.#older] : [this.#older, this.#recent];
      for (const { prepared } of dropped.values()) if (prepared !== undefined) this.#toClose.add(prepared.name);
      [this.#recent, this.#older] = [new Map(), kept];
    }
    this.#recent.set(text, seen);
  }
}

function newlySeen(effects: TextEffects | undefined): SeenText {
  return { effects, prepared: undefined, known: undefined, epoch: unparsed, generation: 0, shape: undefined };
}

function named(text: string, name: string, seen: SeenText): PlannedText {
  return (seen.prepared ??= { text, name, parse: false, isFresh: false, seen });
}

/** A text that is parsed for this time only. */
export function sentOnce(text: string): PlannedText {
  return { text, name: '', parse: true, isFresh: true, seen: undefined };
}

const none: readonly string[] = [];

/**
 * Follows whether the settings of a connection that decide what names mean (the search path, the role) are those
 * it began with. Where that is not sure, they count as changed.
 */
class SettingsWatch {
  #forTransaction = 0;
  #forSession = 0;
  /** What is as it was once the transaction has committed. */
  #restored = 0;

  get areChanged(): boolean {
    return (this.#forTransaction | this.#forSession) !== 0;
  }

  get areTouched(): boolean {
    return (this.#forTransaction | this.#restored) !== 0;
  }

  /** A text with these effects is about to be sent. */
  note({ settings, lasts }: TextEffects): void {
    if (lasts === 'restored') {
      this.#restored |= settings;
      return;
    }
    this.#restored &= ~settings;
    if (lasts === 'session') this.#forSession |= settings;
    else this.#forTransaction |= settings;
  }

  /** A part of the transaction was undone, which may be one that restored something. */
  undone(): void {
    this.#restored = 0;
  }

  /** The transaction has ended. */
  ended(committed: boolean): void {
    if (committed) this.#forSession &= ~this.#restored;
    this.#forTransaction = this.#restored = 0;
  }
}
