using System.Collections.Concurrent;

namespace Chat.Cells.Router.Forwarding;

/// <summary>The sockets that go through this router. At shutdown each is ended at a random moment of the drain time, so that its client comes back through another router.</summary>
internal sealed class OpenSockets
{
    private readonly ConcurrentDictionary<CancellationTokenSource, byte> sockets = [];
    private volatile bool draining;
    private TimeSpan window;

    /// <summary>Whether the router is shutting down.</summary>
    public bool IsDraining => draining;

    /// <summary>Registers a socket; its forwarding ends when <paramref name="end"/> is cancelled.</summary>
    public void Add(CancellationTokenSource end)
    {
        sockets[end] = 0;
        if (draining) EndSoon(end);
    }

    public void Remove(CancellationTokenSource end) => sockets.TryRemove(end, out _);

    public void BeginDrain(TimeSpan over)
    {
        window = over;
        draining = true;
        foreach (var end in sockets.Keys) EndSoon(end);
    }

    private void EndSoon(CancellationTokenSource end)
    {
        try
        {
            end.CancelAfter(window * Random.Shared.NextDouble());
        }
        catch (ObjectDisposedException)
        {
            sockets.TryRemove(end, out _); // it ended by itself in this moment
        }
    }
}
