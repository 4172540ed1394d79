namespace Chat.Cells.Cell.Messaging;

/// <summary>Calls of the fast state that were begun one after the other, without waiting for the answers in between. A call that was answered at once costs nothing.</summary>
internal struct StateCalls()
{
    private List<Task>? pending;

    public void Add(ValueTask call)
    {
        if (!call.IsCompletedSuccessfully) (pending ??= []).Add(call.AsTask());
    }

    /// <summary>Completes when all are answered.</summary>
    /// <exception cref="Exception">What the first that failed threw, after all have ended.</exception>
    public readonly Task AllAsync() => pending is null ? Task.CompletedTask : Task.WhenAll(pending);
}
