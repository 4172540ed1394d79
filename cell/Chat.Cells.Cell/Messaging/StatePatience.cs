namespace Chat.Cells.Cell.Messaging;

/// <summary>
/// How long the workers of one role wait for the fast state, which they need for nothing durable: each batch a moment at most, and none at all while the state is known to be slow.
/// Shared by the partitions of a role, so that a slow state costs the role that moment and not each of them.
/// </summary>
internal sealed partial class StatePatience(TimeProvider time, ILogger logger)
{
    /// <summary>What a batch may wait. A state that is well answers in a few milliseconds.</summary>
    public static readonly TimeSpan Bound = TimeSpan.FromMilliseconds(250);

    /// <summary>Work done within this shows that the state is well again.</summary>
    private static readonly TimeSpan Quick = Bound / 2;

    /// <summary>What may wait for a slow state, in bytes, of all partitions together.</summary>
    private const long MaxWaiting = 64L * 1024 * 1024;

    private long waiting;
    private volatile bool slow;

    /// <summary>False when too much waits already: then it is not done at all.</summary>
    public bool TryKeep(long bytes)
    {
        if (Interlocked.Add(ref waiting, bytes) <= MaxWaiting) return true;
        Interlocked.Add(ref waiting, -bytes);
        return false;
    }

    /// <summary>What was kept is done, or given up.</summary>
    /// <param name="took">How long the state needed for it.</param>
    public void Release(long bytes, TimeSpan took)
    {
        Interlocked.Add(ref waiting, -bytes);
        if (took <= Quick) slow = false;
    }

    /// <summary>Waits until the work is done, or no longer than is due to the state.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async ValueTask WaitAsync(Task work, CancellationToken cancellationToken)
    {
        if (slow && !work.IsCompleted)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return;
        }
        try
        {
            await work.WaitAsync(Bound, time, cancellationToken);
        }
        catch (TimeoutException) when (!work.IsFaulted)
        {
            if (slow) return; // another partition was as impatient
            slow = true;
            LogSlow(logger, (int)Bound.TotalMilliseconds);
        }
    }

    /// <summary>A time stamp for <see cref="Since"/>.</summary>
    public long Now() => time.GetTimestamp();

    public TimeSpan Since(long started) => time.GetElapsedTime(started);

    [LoggerMessage(14, LogLevel.Warning, "The fast state has not answered for {Milliseconds} ms; workers go on without waiting for it until it is quick again.")]
    private static partial void LogSlow(ILogger logger, int milliseconds);
}
