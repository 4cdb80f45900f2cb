// What the driver and the processes of the shop say to each other.

export const engineNames = ['postgres', 'mariadb', 'sqlite'] as const;
export type EngineName = (typeof engineNames)[number];

/** What a process of the shop is told at its start. */
export interface ShopSettings {
  readonly engine: EngineName;
  /** Of the database and the two servers of Redis, through the proxies of the driver. */
  readonly databaseUrl: string;
  readonly cacheUrl: string;
  readonly jobsUrl: string;
  /** Of what the shop keeps in Redis. */
  readonly prefix: string;
  /** Begins the numbers of the orders of this process. */
  readonly name: string;
  readonly seed: number;
  /** Milliseconds by which its clock is wrong. */
  readonly skew: number;
  /** Whether a COMMIT that gets no answer is looked up. */
  readonly resolvesCommits: boolean;
}

/** What the caller of a checkout was told. */
export interface Told {
  readonly order: string;
  readonly outcome: 'sold' | 'not sold';
  /** How that is known: the code of an error, `declined`, a hook. */
  readonly why?: string;
}

export interface Counts {
  /** Checkouts that were begun. */
  orders: number;
  sold: number;
  declined: number;
  /** Checkouts of which their caller does not know. */
  unknown: number;
  failed: number;
  /** Answers of caches that were held against the database. */
  reads: number;
  hits: number;
  /** Errors that were reported in the background. */
  background: number;
}

export const noCounts = (): Counts => ({
  orders: 0,
  sold: 0,
  declined: 0,
  unknown: 0,
  failed: 0,
  reads: 0,
  hits: 0,
  background: 0,
});

export type ShopMessage =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'report';
      readonly told: readonly Told[];
      readonly counts: Counts;
      /** Marks that were read through a cache: each has to be that of an order which is sold. */
      readonly marks: readonly string[];
      readonly found: readonly string[];
    }
  /** The phase that was asked for is over. */
  | { readonly kind: 'done'; readonly phase: Phase; readonly found: readonly string[] };

/** What the driver tells a process. */
export type Instruction =
  | { readonly kind: 'phase'; readonly phase: Phase }
  /** Milliseconds by which its clock is wrong from now on. */
  | { readonly kind: 'set the clock'; readonly skew: number };

/** `rest`: no more checkouts. `compare`: caches against the database. `close`: everything is given back. */
export type Phase = 'rest' | 'compare' | 'close';

/** What there is of each: products, customers, and what each customer has at the beginning. */
export const products = 6;
export const customers = 5;
export const firstBalance = 10_000_000;
export const firstStock = 1_000_000;

/** The account that is paid for a product. */
export const revenueOf = (product: number): number => 100 + product;

/** The longest that changes lock a cache, in milliseconds: short where a COMMIT that comes later is refused by the server. */
export const commitTimeout = (engine: EngineName): number => (engine === 'postgres' ? 1_500 : 6_000);

/** What each sale causes, once. */
export const effectsOfSale = ['audit', 'invoice', 'parcel', 'bill'] as const;
/** Ends the saga of a parcel that was `packed`; one that was sent is `returned` before it is undone. One that is cancelled early has none of them. */
export const endsOfSaga = ['sent', 'undone'] as const;
/** The same for a parcel that was `labelled`, which is undone last. */
export const endsOfLabel = ['sent', 'unlabelled'] as const;

/** Connections of a process at each level. */
export const max = 6;
/** All connections of a process: one is in reserve for each level below the first. */
export const budget = max + 4;

/** What begins the id of an order that is written in a savepoint which is rolled back. */
export const tried = 'tried ';
