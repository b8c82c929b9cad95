import { act, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { useState } from 'react';
import { beforeAll, describe, expect, it } from 'vitest';

import type { CellState, Job } from '../../../types';
import { JobView } from '../JobView';
import type { JobTab } from '../tabs';
import { job, replica, rig, summary, trans, type IRig } from './fixtures';

beforeAll(() => {
  Element.prototype.scrollIntoView ??= () => undefined;
});

async function shown(value: Job, tab: JobTab = 'overview', commandIds: string[] = []): Promise<IRig> {
  const made = rig(commandIds);
  const model = made.services.manager.job('j1');
  function Host(): JSX.Element {
    const [current, setCurrent] = useState(tab);
    return <JobView model={model} services={made.services} trans={trans} tab={current} onTab={setCurrent} />;
  }
  render(<Host />);
  await settle();
  act(() => made.channel.send('job/j1', { type: 'job', job: value }));
  await settle();
  return made;
}

/** Let effects and microtasks run. */
const settle = (): Promise<void> => act(async () => Promise.resolve());

const code = (source: string, outputs: unknown[], changes: Partial<CellState> = {}): CellState => ({
  cell: { cell_type: 'code', source, outputs, execution_count: 1, metadata: {} },
  status: 'completed',
  seconds: 1,
  startedAt: null,
  ...changes
});

describe('header', () => {
  it('offers only what can be done now', async () => {
    const { executed } = await shown(job(), 'overview', ['mltrain:suspend']);
    const actions = within(screen.getByRole('group', { name: 'Actions' }));
    expect(actions.getAllByRole('button').map(({ textContent }) => textContent)).toEqual([
      'Suspend',
      'Cancel',
      'Open Notebook'
    ]);
    fireEvent.click(actions.getByText('Suspend'));
    await settle();
    expect(executed).toEqual([['mltrain:suspend', { id: 'j1' }]]);
  });

  it('says how far it is', async () => {
    await shown(job());
    expect(screen.getByRole('progressbar').getAttribute('aria-valuetext')).toBe('6 of 12 cells done');
  });
});

describe('tabs', () => {
  it('go by arrows, and the focus goes with them', async () => {
    await shown(job());
    const first = screen.getByRole('tab', { name: 'Overview' });
    fireEvent.keyDown(first, { key: 'ArrowLeft' });
    const last = screen.getByRole('tab', { name: 'Provenance' });
    expect(last.getAttribute('aria-selected')).toBe('true');
    expect(document.activeElement).toBe(last);
    expect(screen.getAllByRole('tab').filter(({ tabIndex }) => tabIndex === 0)).toEqual([last]);
  });

  it('follow their topics from when they are first shown, and stay as they were left', async () => {
    const { channel } = await shown(job(), 'notebook');
    expect([channel.followers('notebook/j1'), channel.followers('metrics/j1')]).toEqual([1, 0]);
    const cells = screen.getByRole('tabpanel').firstChild;
    fireEvent.click(screen.getByRole('tab', { name: 'Metrics' }));
    await settle();
    expect([channel.followers('notebook/j1'), channel.followers('metrics/j1')]).toEqual([1, 1]);
    fireEvent.click(screen.getByRole('tab', { name: 'Notebook' }));
    expect(screen.getByRole('tabpanel').firstChild).toBe(cells);
  });
});

describe('overview', () => {
  it('says why, and leads to the log of the replica that failed', async () => {
    const failed = replica({
      name: 'w-1',
      index: 1,
      phase: 'Failed',
      exitCode: 137,
      peakMemory: 2 * 1024 ** 3,
      leader: false
    });
    const { channel } = await shown(
      job({ summary: summary({ phase: 'Failed', why: 'Worker 1 failed: exit 137' }), replicas: [failed, replica()] })
    );
    expect(within(screen.getByRole('tabpanel')).getByText('Worker 1 failed: exit 137')).toBeTruthy();
    const row = screen.getByRole('rowheader', { name: 'Worker 1' }).closest('tr')!;
    expect(
      within(row)
        .getAllByRole('cell')
        .map(({ textContent }) => textContent)
    ).toContain('2 GiB');
    expect(screen.queryByRole('columnheader', { name: 'GPU' })).toBeNull();
    fireEvent.click(screen.getAllByText('Log of Worker 1')[0]);
    await settle();
    expect(channel.followers('log/j1/w-1')).toBe(1);
  });

  it('names the GPUs where there are any', async () => {
    await shown(job({ replicas: [replica({ devices: ['H100 0', 'H100 1'] }), replica({ name: 'w-1' })] }));
    expect(screen.getByRole('columnheader', { name: 'GPU' })).toBeTruthy();
    expect(screen.getByRole('cell', { name: 'H100 0, H100 1' })).toBeTruthy();
  });
});

describe('notebook', () => {
  it('runs nothing that an output brings', async () => {
    const { channel } = await shown(job(), 'notebook');
    const html =
      '<b>bold</b><script>window.hacked=1</script><img src=x onerror="window.hacked=1"><a href="javascript:hacked=1">l</a>';
    const outputs = [
      { output_type: 'display_data', data: { 'text/html': html }, metadata: {} },
      { output_type: 'display_data', data: { 'application/javascript': 'window.hacked=1' }, metadata: {} }
    ];
    act(() => {
      channel.send('notebook/j1', {
        type: 'notebook',
        notebook: { metadata: {}, cells: [code('show()', outputs)], progress: null, error: '' }
      });
    });
    const cells = screen.getByRole('region', { name: 'Cells' });
    await settle();
    expect(within(cells).getByText('bold')).toBeTruthy();
    expect(cells.querySelector('script, [onerror], a[href^="javascript"]')).toBeNull();
    expect('hacked' in window).toBe(false);
  });

  it('shows a progress bar as one line, as it comes', async () => {
    const { channel } = await shown(job(), 'notebook');
    const cells = [code('fit()', [{ output_type: 'stream', name: 'stdout', text: '1/9 a\b' }], { status: 'running' })];
    act(() => {
      channel.send('notebook/j1', { type: 'notebook', notebook: { metadata: {}, cells, progress: null, error: '' } });
    });
    for (const text of ['\b\b\b\b\r2/9', ' b\r3', '/9 c']) {
      await settle();
      act(() => {
        channel.send('notebook/j1', {
          type: 'notebookChanged',
          cells: {},
          outputs: [],
          texts: [{ cell: 0, output: 0, text }],
          progress: null,
          error: ''
        });
      });
    }
    await settle();
    expect(document.querySelector('.jp-mltrain-Output')!.textContent).toBe('3/9 c');
  });

  it('shows pictures of Markdown cells, and of what is no picture nothing', async () => {
    const { channel } = await shown(job({ summary: summary({ notebook: 'deep er/train.ipynb' }) }), 'notebook');
    const sources = [
      'attachment:a.png',
      'attachment:evil',
      'attachment:gone',
      'pics/b%201.png',
      'https://else.invalid/c'
    ];
    const cell = {
      cell_type: 'markdown',
      source: sources.map(source => `<img src="${source}">`).join('') + '<a href="other.ipynb">other</a>',
      attachments: {
        'a.png': { 'text/html': 'hacked', 'image/png': ['aaaa', 'bbbb'] },
        evil: { 'text/html': 'hacked', 'image/svg+xml': '<svg onload="hacked"/>' }
      }
    };
    act(() => {
      channel.send('notebook/j1', {
        type: 'notebook',
        notebook: { metadata: {}, cells: [code('', [], { cell })], progress: null, error: '' }
      });
    });
    await waitFor(() =>
      expect(document.querySelector('img')?.getAttribute('src')).toBe('data:image/png;base64,aaaabbbb')
    );
    const shownSources = [...document.querySelectorAll('img')].map(image => image.getAttribute('src'));
    expect(shownSources.slice(1).map(source => source!.replace(/\?\d+$/, ''))).toEqual([
      'attachment:evil',
      'attachment:gone',
      expect.stringMatching(/^http:.*\/files\/.*deep%20er\/pics\/b%201\.png$/),
      'https://else.invalid/c'
    ]);
    const link = screen.getByText('other');
    expect([link.getAttribute('href'), link.dataset.commandlinkerCommand]).toEqual(['other.ipynb', undefined]);
  });

  it('renders only the cell that changed', async () => {
    const { channel } = await shown(job(), 'notebook');
    const text = (value: string): unknown => ({ output_type: 'stream', name: 'stdout', text: value });
    const cells = [code('a', [text('one')]), code('b', [text('two')], { status: 'running', seconds: null })];
    act(() => {
      channel.send('notebook/j1', { type: 'notebook', notebook: { metadata: {}, cells, progress: null, error: '' } });
    });
    await settle();
    const before = screen.getByText('one');
    act(() => {
      channel.send('notebook/j1', {
        type: 'notebookChanged',
        cells: {},
        outputs: [],
        texts: [{ cell: 1, output: 0, text: ' three' }],
        progress: null,
        error: ''
      });
    });
    await settle();
    expect(screen.getByText('one')).toBe(before);
    expect(screen.getByText('two three')).toBeTruthy();
    expect(document.querySelectorAll('[aria-current="step"]')).toHaveLength(1);
  });
});

describe('metrics', () => {
  it('has a table for those who do not see the chart', async () => {
    const { channel } = await shown(job(), 'metrics');
    act(() => {
      channel.send('metrics/j1', {
        type: 'metrics',
        metrics: [
          { step: 1, time: 0, values: { loss: 0.5 }, replica: 'w' },
          { step: 2, time: 1, values: { loss: null }, replica: 'w' }
        ]
      });
    });
    const details = screen.getByText('loss as a table').closest('details')!;
    details.open = true;
    fireEvent(details, new Event('toggle'));
    const rows = within(screen.getByRole('table')).getAllByRole('row');
    expect(rows.map(({ textContent }) => textContent)).toEqual(['Steploss', '2NaN', '10.5']);
  });
});
