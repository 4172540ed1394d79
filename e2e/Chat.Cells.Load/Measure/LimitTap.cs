using Chat.Cells.Client.Connections;

namespace Chat.Cells.Load.Measure;

/// <summary>Counts the sends that a cell tells to wait for their user's rate limit: what they wait is the generator's doing, not the cells'.</summary>
/// <param name="next">Sees everything too.</param>
/// <param name="tracker">Keeps the count.</param>
public sealed class LimitTap(IFrameTap next, DeliveryTracker tracker) : IFrameTap
{
    public void ConnectionOpened(int connection, long at) => next.ConnectionOpened(connection, at);

    public void ConnectionClosed(int connection, long at, int? closeCode, string? reason) => next.ConnectionClosed(connection, at, closeCode, reason);

    public void Frame(int connection, long at, FrameDirection direction, ReadOnlySpan<byte> frame)
    {
        // An error's frame begins so, and carries nobody's text.
        if (direction == FrameDirection.FromServer && frame.StartsWith("{\"type\":\"error\""u8) && frame.IndexOf("\"rate_limited\""u8) >= 0) tracker.CountLimited();
        next.Frame(connection, at, direction, frame);
    }
}
