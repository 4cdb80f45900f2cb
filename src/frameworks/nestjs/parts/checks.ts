import { anything, listOf } from '../../../core/index.ts';

/** Modules to import, or tokens to inject: Nest says what is wrong with one of them. */
export const aList: ReturnType<typeof listOf> = listOf(anything, 1_000, 'a list');
