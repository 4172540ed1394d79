using System.Globalization;
using Chat.Cells.Cell.Accounts;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Connections;

/// <summary>The graceful stop of a gateway: not ready any more, sockets closed with 4013 and a jittered delay, appends finished. Also closes the sockets of revoked devices.</summary>
internal sealed partial class Drain : IHostedService
{
    private const int MinDelay = 500;
    private readonly ConnectionRegistry connections;
    private readonly ChannelLog channels;
    private readonly ILogger<Drain> logger;
    private volatile bool draining;

    public Drain(ConnectionRegistry connections, ChannelLog channels, DeviceRevocations revocations, IHostApplicationLifetime lifetime, ILogger<Drain> logger)
    {
        this.connections = connections;
        this.channels = channels;
        this.logger = logger;
        revocations.Revoked += CloseDevice;
        lifetime.ApplicationStopping.Register(Begin);
    }

    public bool IsDraining => draining;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Runs after the listeners have stopped: waits for the appends that are under way.</summary>
    public async Task StopAsync(CancellationToken cancellationToken) => await channels.WaitForIdleAsync().WaitAsync(cancellationToken);

    /// <summary>A socket that was just registered: one whose handshake was under way when the drain began is closed like the others.</summary>
    public void Joined(Connection connection)
    {
        if (draining) Close(connection, 1);
    }

    private void Begin()
    {
        if (draining) return;
        draining = true;
        var sockets = connections.All().ToArray();
        LogDraining(sockets.Length);
        foreach (var socket in sockets) Close(socket, sockets.Length);
    }

    /// <summary>The clients come back spread over a time that grows with their number.</summary>
    private static void Close(Connection socket, int sockets) =>
        socket.Outbound.Close(CloseCodes.Draining, (MinDelay + Random.Shared.Next(1_000 + (sockets / 5))).ToString(CultureInfo.InvariantCulture));

    private void CloseDevice(string userId, string deviceId)
    {
        foreach (var socket in connections.Of(userId))
        {
            if (socket.DeviceId == deviceId) socket.Outbound.Close(CloseCodes.Unauthorized, "logged out");
        }
    }

    [LoggerMessage(460, LogLevel.Information, "Draining {Sockets} sockets.")]
    private partial void LogDraining(int sockets);
}
