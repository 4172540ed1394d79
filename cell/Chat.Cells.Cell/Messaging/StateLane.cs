namespace Chat.Cells.Cell.Messaging;

/// <summary>
/// What one partition's worker has the fast state do, in order: one piece of work at a time, and what comes meanwhile is done together in the next. The worker waits for
/// its own no longer than <see cref="StatePatience"/> allows.
/// </summary>
/// <param name="work">Does what has come, oldest first. Sees to its own failures.</param>
internal sealed class StateLane<T>(Func<IReadOnlyList<T>, CancellationToken, Task> work, StatePatience patience)
{
    /// <summary>Of what waits so much is done in one piece of work, in bytes: its calls have to be answered within the state's time-out.</summary>
    private const long MaxTogether = 1024 * 1024;

    private readonly Lock gate = new();
    private readonly Queue<Waiting> queue = [];
    private bool isWorking;

    /// <summary>Has it done. False when too much waits for the state; then it is not done.</summary>
    /// <param name="bytes">About what it keeps in memory until it is done.</param>
    /// <exception cref="OperationCanceledException">Cancelled; it is done all the same, as far as the state takes it.</exception>
    public async ValueTask<bool> DoAsync(T item, long bytes, CancellationToken cancellationToken)
    {
        if (!patience.TryKeep(bytes)) return false;
        var waiting = new Waiting(item, bytes, cancellationToken);
        bool begins;
        lock (gate)
        {
            queue.Enqueue(waiting);
            begins = !isWorking;
            isWorking = true;
        }
        if (begins) _ = WorkAsync();
        await patience.WaitAsync(waiting.Done, cancellationToken);
        return true;
    }

    /// <summary>Never fails: what the work throws goes to those who wait.</summary>
    private async Task WorkAsync()
    {
        var taken = new List<Waiting>();
        var items = new List<T>();
        while (TryTake(taken, items))
        {
            var started = patience.Now();
            Exception? failure = null;
            try
            {
                await work(items, taken[^1].Cancellation);
            }
            catch (Exception e)
            {
                failure = e;
            }
            var took = patience.Since(started);
            foreach (var waiting in taken)
            {
                patience.Release(waiting.Bytes, took);
                waiting.End(failure);
            }
        }
    }

    private bool TryTake(List<Waiting> taken, List<T> items)
    {
        taken.Clear();
        items.Clear();
        var bytes = 0L;
        lock (gate)
        {
            while (bytes < MaxTogether && queue.TryDequeue(out var next))
            {
                bytes += next.Bytes;
                taken.Add(next);
                items.Add(next.Item);
            }
            isWorking = taken.Count > 0;
            return isWorking;
        }
    }

    private sealed class Waiting(T item, long bytes, CancellationToken cancellation)
    {
        private readonly TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public T Item => item;

        public long Bytes => bytes;

        public CancellationToken Cancellation => cancellation;

        public Task Done => done.Task;

        public void End(Exception? failure)
        {
            if (failure is null)
            {
                done.TrySetResult();
                return;
            }
            done.TrySetException(failure);
            _ = done.Task.Exception; // whoever had to wait no longer doesn't look at it
        }
    }
}
