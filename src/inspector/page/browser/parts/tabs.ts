/**
 * Tabs as the pattern of WAI-ARIA has them: one stop of the keyboard, arrows move between them. The one that is shown is in the
 * address, so that it stays when the page is loaded again.
 * @param onShow is told which panel is shown
 */
export function startTabs(list: HTMLElement, onShow: (name: string) => void): void {
  const tabs = [...list.querySelectorAll<HTMLElement>('[role=tab]')];
  const show = (chosen: HTMLElement): void => {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute('aria-selected', String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      document.getElementById(tab.getAttribute('aria-controls') ?? '')?.toggleAttribute('hidden', !isChosen);
    }
    history.replaceState(undefined, '', addressOf(chosen));
    onShow(nameOf(chosen));
  };
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener('click', () => show(tab));
    tab.addEventListener('keydown', (event) => {
      const next = tabs[indexAfter(event.key, index, tabs.length)];
      if (next === undefined) return;
      event.preventDefault();
      next.focus();
      show(next);
    });
  }
  const asked = tabs.find((tab) => addressOf(tab) === location.hash) ?? tabs[0];
  if (asked !== undefined) show(asked);
}

function nameOf(tab: HTMLElement): string {
  return tab.dataset['tab'] ?? '';
}

/** It is the id of nothing: the browser does not go there. */
function addressOf(tab: HTMLElement): string {
  return `#/${nameOf(tab)}`;
}

function indexAfter(key: string, index: number, length: number): number {
  switch (key) {
    case 'ArrowRight':
      return (index + 1) % length;
    case 'ArrowLeft':
      return (index + length - 1) % length;
    case 'Home':
      return 0;
    case 'End':
      return length - 1;
    default:
      return -1;
  }
}
