namespace Chat.Cells.Cell.Tests.Contracts;

/// <summary>Waits for a condition with a generous bound: the machine may be busy.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    public static async Task TrueAsync(Func<bool> condition, string what) => await TrueAsync(() => new ValueTask<bool>(condition()), what);

    public static async Task TrueAsync(Func<ValueTask<bool>> condition, string what)
    {
        using var bound = new CancellationTokenSource(Bound);
        while (!await condition())
        {
            if (bound.IsCancellationRequested) Assert.Fail($"It did not come about in {Bound}: {what}.");
            await Task.Delay(10, CancellationToken.None);
        }
    }
}
