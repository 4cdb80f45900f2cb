/** A place in a `LinkedList`. */
export interface ListNode<Item> {
  readonly item: Item;
  /** The list that the node is in; none once it was taken out. */
  list: LinkedList<Item> | undefined;
  previous: ListNode<Item> | undefined;
  next: ListNode<Item> | undefined;
}

/**
 * First in, first out, with removal from anywhere in constant time (a cancelled waiter leaves at once). For what comes and
 * goes with each transaction it is better than a Set: V8 makes a new table for a Set again and again, and an old one that
 * has survived a minor collection keeps all later ones alive, with what they hold, until the next major one.
 */
export class LinkedList<Item> {
  #first: ListNode<Item> | undefined;
  #last: ListNode<Item> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Item | undefined {
    return this.#first?.item;
  }

  push(item: Item): ListNode<Item> {
    const node: ListNode<Item> = { item, list: this, previous: this.#last, next: undefined };
    if (this.#last === undefined) this.#first = node;
    else this.#last.next = node;
    this.#last = node;
    this.#size += 1;
    return node;
  }

  /** Before all others. */
  unshift(item: Item): ListNode<Item> {
    const node: ListNode<Item> = { item, list: this, previous: undefined, next: this.#first };
    if (this.#first === undefined) this.#last = node;
    else this.#first.previous = node;
    this.#first = node;
    this.#size += 1;
    return node;
  }

  shift(): Item | undefined {
    const node = this.#first;
    if (node !== undefined) this.remove(node);
    return node?.item;
  }

  *[Symbol.iterator](): Generator<Item, void, undefined> {
    for (let node = this.#first; node !== undefined; node = node.next) yield node.item;
  }

  /** Takes a node out; does nothing if it is not in this list. */
  remove(node: ListNode<Item>): void {
    if (node.list !== this) return;
    if (node.previous === undefined) this.#first = node.next;
    else node.previous.next = node.next;
    if (node.next === undefined) this.#last = node.previous;
    else node.next.previous = node.previous;
    node.list = node.previous = node.next = undefined;
    this.#size -= 1;
  }
}
