using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using Chat.Cells.Cell.Engines.Cassandra;
using Chat.Cells.Cell.Ports;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Cell.Tests.Engines.Cassandra;

/// <summary>A ring that comes after the server has started, and at first lets nobody in: as rings do whose roles are not there yet.</summary>
public sealed class LateRingTests
{
    private const string Refusal = "no such role yet";

    [Fact]
    public async Task Open_RingThatComesLaterAndRefusesAtFirst_IsTriedAgain()
    {
        using var port = new HeldPort();
        using var logs = new Logs();
        var options = new CassandraStoreOptions
        {
            ContactPoints = [port.EndPoint.ToString()],
            Datacenter = "dc1",
            Keyspace = "late",
            StartTimeout = TimeSpan.FromMilliseconds(300),
        };
        await using var connection = await RingConnection.OpenAsync(options, TimeProvider.System, logs, default);
        Assert.Throws<StoreException>(() => connection.Ring);

        using var ring = new TcpListener(port.EndPoint);
        ring.Start();
        using var stop = new CancellationTokenSource();
        var refusing = RefuseAsync(ring, stop.Token);
        for (var i = 0; i < 600 && logs.Count(Refusal) < 2; i++) await Task.Delay(100);
        await stop.CancelAsync();
        await refusing;

        Assert.True(logs.Count(Refusal) >= 2);
    }

    /// <summary>Answers every request with "bad credentials".</summary>
    private static async Task RefuseAsync(TcpListener listener, CancellationToken stop)
    {
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync(stop);
                var header = new byte[9];
                try
                {
                    await client.GetStream().ReadExactlyAsync(header, stop);
                    await client.GetStream().ReadExactlyAsync(new byte[BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5))], stop);
                    await client.GetStream().WriteAsync(Error(header), stop);
                    // Until the client has hung up.
                    _ = await client.GetStream().ReadAsync(header, stop);
                }
                catch (IOException)
                {
                    continue; // it hung up earlier
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return;
        }
    }

    private static byte[] Error(byte[] request)
    {
        var frame = new byte[9 + 4 + 2 + Refusal.Length];
        (frame[0], frame[2], frame[3]) = ((byte)(request[0] | 0x80), request[2], request[3]);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), frame.Length - 9);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(9), 0x0100);
        BinaryPrimitives.WriteInt16BigEndian(frame.AsSpan(13), (short)Refusal.Length);
        System.Text.Encoding.ASCII.GetBytes(Refusal, frame.AsSpan(15));
        return frame;
    }

    private sealed class Logs : ILoggerFactory, ILogger
    {
        private readonly ConcurrentQueue<(EventId Id, string Text)> written = new();

        /// <summary>How many attempts failed with a text.</summary>
        public int Count(string text) => written.Count(w => w.Id == 510 && w.Text.Contains(text, StringComparison.Ordinal));

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            written.Enqueue((eventId, formatter(state, exception)));

        public void Dispose() => written.Clear();
    }
}
