using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Threading.Channels;
using Cassandra.Protocol;

namespace Cassandra.Connections;

/// <summary>
/// One connection: many requests in flight, told apart by stream id. A request that isn't answered in time keeps its stream id until the answer comes; too many of those, or silence
/// after a heartbeat, and the connection is given up.
/// </summary>
internal sealed class Connection : IAsyncDisposable
{
    private const int MaxInFlight = 2048;
    private const int MaxOrphans = 256;
    private const int WriteSize = 64 * 1024;

    private readonly ConnectionSettings _settings;
    private readonly Stream _stream;
    private readonly FrameReader _reader;
    private readonly Channel<byte[]> _outgoing = Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true });
    private readonly ConcurrentQueue<short> _freeStreams = new(Enumerable.Range(0, MaxInFlight).Select(i => (short)i));
    private readonly ConcurrentDictionary<short, Pending> _pending = new();
    private readonly CancellationTokenSource _closing = new();
    private readonly TaskCompletionSource<Exception?> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _loops = Task.CompletedTask;
    private int _inFlight;
    private int _orphans;
    private long _framesRead;
    private int _probing;
    private Task _probe = Task.CompletedTask;

    private Connection(IPEndPoint host, ConnectionSettings settings, Stream stream)
    {
        Host = host;
        _settings = settings;
        _stream = stream;
        // Buffers reads only. One for both directions would have them wait for each other.
        _reader = new FrameReader(new BufferedStream(stream, WriteSize));
        Version = settings.Version;
    }

    public IPEndPoint Host { get; }

    public byte Version { get; }

    /// <summary>Completes when the connection is gone, with the reason; null when it was disposed.</summary>
    public Task<Exception?> Closed => _closed.Task;

    /// <summary>Requests whose answer hasn't come, those given up included.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Connects and shakes hands.</summary>
    /// <exception cref="UnsupportedVersionException">The server speaks an older protocol.</exception>
    /// <exception cref="AuthenticationException">Wrong credentials.</exception>
    public static async Task<Connection> OpenAsync(IPEndPoint host, ConnectionSettings settings, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(settings.ConnectTimeout, settings.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        var socket = new Socket(host.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Stream? stream = null;
        var open = false;
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            await socket.ConnectAsync(host, either.Token);
            stream = new NetworkStream(socket, ownsSocket: true);
            if (settings.Tls is { } tls)
            {
                var secured = new SslStream(stream);
                stream = secured;
                await secured.AuthenticateAsClientAsync(tls(host), either.Token);
            }
            var connection = new Connection(host, settings, stream);
            await new Handshake(host, settings, stream, connection._reader).RunAsync(either.Token);
            connection._loops = Task.WhenAll(connection.WriteLoopAsync(), connection.ReadLoopAsync(), connection.HeartbeatLoopAsync());
            open = true;
            return connection;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new OperationTimedOutException(host, settings.ConnectTimeout);
        }
        catch (Exception e) when (e is SocketException or IOException or System.Security.Authentication.AuthenticationException)
        {
            throw new ConnectionClosedException(host, e);
        }
        finally
        {
            if (!open)
            {
                if (stream is not null) await stream.DisposeAsync();
                socket.Dispose();
            }
        }
    }

    /// <summary>Sends a request and waits for the answer: a result, or the server's error as an exception.</summary>
    /// <exception cref="OperationTimedOutException">No answer in time.</exception>
    /// <exception cref="ConnectionClosedException">The connection broke.</exception>
    /// <exception cref="BusyPoolException">No stream id is free: certainly not sent.</exception>
    public async Task<T> RequestAsync<T>(Request request, Func<Opcode, ReadOnlyMemory<byte>, T> decode, TimeSpan timeout, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_closed.Task.IsCompleted) throw new ConnectionClosedException(Host, await _closed.Task, wasSent: false);
        if (!_freeStreams.TryDequeue(out var stream)) throw new BusyPoolException(Host);
        var pending = new Pending();
        var readBefore = Interlocked.Read(ref _framesRead);
        _pending[stream] = pending;
        Interlocked.Increment(ref _inFlight);
        // Refused only when closed. Closing fails all that is pending, but may have gone past just before this one was added.
        if (!_outgoing.Writer.TryWrite(Frames.Encode(Version, stream, request, _reader.Segmented)) && _pending.TryRemove(stream, out _))
        {
            throw new ConnectionClosedException(Host, await _closed.Task, wasSent: false);
        }
        if (_closed.Task.IsCompleted) FailPending(await _closed.Task);

        (FrameHeader Header, byte[] Body) answer;
        try
        {
            answer = await pending.Answer.Task.WaitAsync(timeout, _settings.Time, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            if (pending.Abandon() && Interlocked.Increment(ref _orphans) > MaxOrphans) Close(new DriverException($"{MaxOrphans} requests were never answered."));
            if (e is not TimeoutException) throw;
            // A host that hangs is found out now: until the next heartbeat every request that goes to it would wait as long as this one.
            if (Interlocked.Read(ref _framesRead) == readBefore) ProbeInBackground();
            throw new OperationTimedOutException(Host, timeout);
        }
        var content = Frames.Content(answer.Header.Flags, answer.Body);
        return answer.Header.Opcode == Opcode.Error ? throw ServerErrors.Read(new BodyReader(content)) : decode(answer.Header.Opcode, content);
    }

    /// <summary>Asks for a sign of life; without one the connection is given up.</summary>
    /// <returns>True when one came.</returns>
    public async Task<bool> ProbeAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await RequestAsync(Requests.Options(), static (_, _) => true, _settings.ConnectTimeout, cancellationToken);
        }
        catch (OperationTimedOutException e)
        {
            Close(e);
            return false;
        }
        catch (ConnectionClosedException)
        {
            return false;
        }
        catch (DriverException)
        {
            // An error is an answer, and a connection with no stream id left has its own limit.
            return true;
        }
    }

    /// <summary>One probe at a time, which itself may time out.</summary>
    private void ProbeInBackground()
    {
        if (Interlocked.Exchange(ref _probing, 1) == 0) _probe = ProbeOnceAsync();
    }

    private async Task ProbeOnceAsync()
    {
        try
        {
            await ProbeAsync(_closing.Token);
        }
        catch (OperationCanceledException)
        {
            // Closed.
        }
        finally
        {
            Volatile.Write(ref _probing, 0);
        }
    }

    private async Task WriteLoopAsync()
    {
        var batch = new byte[WriteSize];
        try
        {
            while (await _outgoing.Reader.WaitToReadAsync(_closing.Token))
            {
                // Everything that waits goes out in as few writes as it fits in.
                var filled = 0;
                while (_outgoing.Reader.TryRead(out var frame))
                {
                    if (filled + frame.Length > batch.Length && filled > 0)
                    {
                        await _stream.WriteAsync(batch.AsMemory(0, filled), _closing.Token);
                        filled = 0;
                    }
                    if (frame.Length > batch.Length)
                    {
                        await _stream.WriteAsync(frame, _closing.Token);
                        continue;
                    }
                    frame.CopyTo(batch, filled);
                    filled += frame.Length;
                }
                if (filled > 0) await _stream.WriteAsync(batch.AsMemory(0, filled), _closing.Token);
                await _stream.FlushAsync(_closing.Token);
            }
        }
        catch (Exception e)
        {
            Close(e);
        }
    }

    private async Task ReadLoopAsync()
    {
        try
        {
            while (true)
            {
                var (header, body) = await _reader.ReadAsync(_closing.Token);
                Interlocked.Increment(ref _framesRead);
                if (!header.IsResponse || header.Version != Version) throw new DriverInternalError($"A frame of version {header.Version} came on a connection of version {Version}.");
                if (header is { Stream: -1, Opcode: Opcode.Event }) _settings.OnEvent?.Invoke(ServerEvent.Read(new BodyReader(Frames.Content(header.Flags, body))));
                else if (_pending.TryRemove(header.Stream, out var pending)) Complete(header, body, pending);
                else throw new DriverInternalError($"An answer came for stream {header.Stream}, which nobody waits on.");
            }
        }
        catch (Exception e)
        {
            // Whatever it is, nobody reads from here on.
            Close(e);
        }
    }

    private async Task HeartbeatLoopAsync()
    {
        try
        {
            var before = -1L;
            while (true)
            {
                await Task.Delay(_settings.HeartbeatInterval, _settings.Time, _closing.Token);
                var now = Interlocked.Read(ref _framesRead);
                if (now == before && !await ProbeAsync(_closing.Token)) return;
                before = Interlocked.Read(ref _framesRead);
            }
        }
        catch (OperationCanceledException)
        {
            // Closed.
        }
    }

    private void Complete(FrameHeader header, byte[] body, Pending pending)
    {
        if (!pending.Answered()) Interlocked.Decrement(ref _orphans);
        Interlocked.Decrement(ref _inFlight);
        _freeStreams.Enqueue(header.Stream);
        pending.Answer.TrySetResult((header, body));
    }

    private void Close(Exception reason)
    {
        if (!_closed.TrySetResult(reason is OperationCanceledException ? null : reason)) return;
        _outgoing.Writer.TryComplete();
        _closing.Cancel();
        _stream.Dispose();
        FailPending(reason);
    }

    private void FailPending(Exception? reason)
    {
        foreach (var stream in _pending.Keys)
        {
            if (!_pending.TryRemove(stream, out var pending)) continue;
            pending.Answer.TrySetException(new ConnectionClosedException(Host, reason));
            // Nobody awaits those that were given up.
            _ = pending.Answer.Task.Exception;
        }
    }

    public async ValueTask DisposeAsync()
    {
        // The token source stays: it has no timer, and a request may be looking at it.
        Close(new OperationCanceledException());
        await _loops;
        await _probe;
    }

    private sealed class Pending
    {
        private int _state;

        public TaskCompletionSource<(FrameHeader Header, byte[] Body)> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>The caller gives up; true when the answer hasn't come yet.</summary>
        public bool Abandon() => Interlocked.CompareExchange(ref _state, 1, 0) == 0;

        /// <summary>The answer came; false when the caller had given up.</summary>
        public bool Answered() => Interlocked.CompareExchange(ref _state, 2, 0) == 0;
    }
}
