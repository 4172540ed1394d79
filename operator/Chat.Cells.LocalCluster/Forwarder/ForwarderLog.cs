using System.Net;
using System.Net.Sockets;

namespace Chat.Cells.LocalCluster.Forwarder;

internal static partial class ForwarderLog
{
    [LoggerMessage(100, LogLevel.Information, "{Service} listens on {Address}")]
    public static partial void Listening(this ILogger logger, string service, IPEndPoint address);

    [LoggerMessage(101, LogLevel.Information, "{Address} is no longer listened on")]
    public static partial void Closed(this ILogger logger, IPEndPoint address);

    [LoggerMessage(102, LogLevel.Error, "{Service} cannot listen on {Address} ({Error}): another program has this port; it is tried again until it is free")]
    public static partial void CannotListen(this ILogger logger, string service, IPEndPoint address, SocketError error);

    [LoggerMessage(103, LogLevel.Warning, "Connections on {Address} wait: {Error}")]
    public static partial void AcceptFailed(this ILogger logger, IPEndPoint address, SocketError error);

    [LoggerMessage(104, LogLevel.Debug, "A connection on {Address} ended: {Problem}")]
    public static partial void ConnectionFailed(this ILogger logger, IPEndPoint address, string problem);

    [LoggerMessage(105, LogLevel.Debug, "From {Address} to {Endpoint}: {Problem}")]
    public static partial void EndpointFailed(this ILogger logger, IPEndPoint address, IPEndPoint endpoint, string problem);

    [LoggerMessage(106, LogLevel.Warning, "{Service}: {What}")]
    public static partial void NotSupported(this ILogger logger, string service, string what);

    [LoggerMessage(107, LogLevel.Information, "The API is not there; forwarding begins with {Count} addresses as they were last known")]
    public static partial void FromSnapshot(this ILogger logger, int count);

    [LoggerMessage(108, LogLevel.Warning, "The last known services cannot be read or written at {File}: {Problem}")]
    public static partial void SnapshotFailed(this ILogger logger, string file, string problem);
}
