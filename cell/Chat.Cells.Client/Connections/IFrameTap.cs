namespace Chat.Cells.Client.Connections;

public enum FrameDirection
{
    FromServer,
    ToServer,
}

/// <summary>Sees what goes over the wire, before the SDK makes anything of it. Calls come from several threads, in order within a connection and direction.</summary>
public interface IFrameTap
{
    /// <param name="connection">Counts the client's connections from 1.</param>
    /// <param name="at">Monotonic: <see cref="TimeProvider.GetTimestamp"/> of the client's time provider.</param>
    void ConnectionOpened(int connection, long at);

    /// <param name="closeCode">Null when the connection broke without one.</param>
    void ConnectionClosed(int connection, long at, int? closeCode, string? reason);

    /// <param name="frame">Valid only during the call.</param>
    void Frame(int connection, long at, FrameDirection direction, ReadOnlySpan<byte> frame);
}
