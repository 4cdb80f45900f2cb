import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LinkedList, type ListNode } from '../../src/core/index.ts';

it('behaves as an array from which anything may be taken', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant('push'), fc.constant('shift'), fc.nat(20))), (operations) => {
      const list = new LinkedList<number>();
      const model: ListNode<number>[] = [];
      const taken: ListNode<number>[] = [];
      operations.forEach((operation, index) => {
        if (operation === 'push') model.push(list.push(index));
        else if (operation === 'shift') expect(list.shift()).toBe(model.shift()?.item);
        else {
          const [node] = model.splice(operation, 1);
          if (node !== undefined) taken.push(node);
          // Taking a node out a second time changes nothing.
          for (const each of taken) list.remove(each);
        }
        expect(list.size).toBe(model.length);
      });
      expect(Array.from({ length: list.size }, () => list.shift())).toEqual(model.map(({ item }) => item));
    }),
  );
});
