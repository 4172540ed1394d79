using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Threading.Channels;
using Cassandra.Protocol;

namespace Cassandra.Connections;

/// <summary>
/// One connection: many requests in flight, told apart by stream id. A request that isn't answered in time keeps its stream id until the answer comes; too many of those and the
/// connection is given up.
/// </summary>
internal sealed class Connection : IAsyncDisposable
{
    private const int MaxInFlight = 2048;
    private const int MaxOrphans = 256;

    private readonly ConnectionSettings _settings;
    private readonly Stream _stream;
    private readonly FrameReader _reader;
    private readonly Channel<ReadOnlyMemory<byte>> _outgoing = Channel.CreateUnbounded<ReadOnlyMemory<byte>>(new UnboundedChannelOptions { SingleReader = true });
    private readonly ConcurrentQueue<short> _freeStreams = new(Enumerable.Range(0, MaxInFlight).Select(i => (short)i));
    private readonly ConcurrentDictionary<short, Pending> _pending = new();
    private readonly CancellationTokenSource _closing = new();
    private readonly TaskCompletionSource<Exception?> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _loops = Task.CompletedTask;
    private int _orphans;

    private Connection(IPEndPoint host, ConnectionSettings settings, Stream stream)
    {
        Host = host;
        _settings = settings;
        _stream = stream;
        _reader = new FrameReader(stream);
        Version = settings.Version;
    }

    public IPEndPoint Host { get; }

    public byte Version { get; }

    /// <summary>Completes when the connection is gone, with the reason.</summary>
    public Task<Exception?> Closed => _closed.Task;

    public int InFlight => _pending.Count;

    public bool IsBusy => _freeStreams.IsEmpty;

    /// <summary>Connects and shakes hands.</summary>
    /// <exception cref="UnsupportedVersionException">The server speaks an older protocol.</exception>
    /// <exception cref="AuthenticationException">Wrong credentials.</exception>
    public static async Task<Connection> OpenAsync(IPEndPoint host, ConnectionSettings settings, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(settings.ConnectTimeout);
        var socket = new Socket(host.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Connection? connection = null;
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            await socket.ConnectAsync(host, limit.Token);
            Stream stream = new NetworkStream(socket, ownsSocket: true);
            if (settings.Tls is { } tls)
            {
                var secured = new SslStream(stream);
                stream = secured;
                await secured.AuthenticateAsClientAsync(tls(host), limit.Token);
            }
            connection = new Connection(host, settings, new BufferedStream(stream, 64 * 1024));
            await connection.HandshakeAsync(limit.Token);
            connection._loops = Task.WhenAll(connection.WriteLoopAsync(), connection.ReadLoopAsync());
            return connection;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            await DropAsync(socket, connection);
            throw new OperationTimedOutException(host, settings.ConnectTimeout);
        }
        catch (Exception e) when (e is SocketException or IOException or System.Security.Authentication.AuthenticationException)
        {
            await DropAsync(socket, connection);
            throw new ConnectionClosedException(host, e);
        }
        catch
        {
            await DropAsync(socket, connection);
            throw;
        }
    }

    private static async ValueTask DropAsync(Socket socket, Connection? connection)
    {
        if (connection is not null) await connection.DisposeAsync();
        socket.Dispose();
    }

    /// <summary>Sends a request and waits for the answer: a result, or the server's error as an exception.</summary>
    /// <exception cref="OperationTimedOutException">No answer in time.</exception>
    /// <exception cref="ConnectionClosedException">The connection broke.</exception>
    /// <exception cref="BusyPoolException">No stream id is free: certainly not sent.</exception>
    public async Task<T> RequestAsync<T>(Request request, Func<Opcode, ReadOnlyMemory<byte>, T> decode, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (_closed.Task.IsCompleted) throw new ConnectionClosedException(Host, await _closed.Task);
        if (!_freeStreams.TryDequeue(out var stream)) throw new BusyPoolException(Host);
        var pending = new Pending();
        _pending[stream] = pending;
        _outgoing.Writer.TryWrite(Encode(stream, request));
        // The loops may have failed everything pending just before this one was added.
        if (_closed.Task.IsCompleted && _pending.TryRemove(stream, out _)) throw new ConnectionClosedException(Host, await _closed.Task);

        (FrameHeader Header, byte[] Body) answer;
        try
        {
            answer = await pending.Answer.Task.WaitAsync(timeout, _settings.Time, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            if (pending.Abandon() && Interlocked.Increment(ref _orphans) > MaxOrphans) Close(new DriverException($"{MaxOrphans} requests were never answered."));
            if (e is TimeoutException) throw new OperationTimedOutException(Host, timeout);
            throw;
        }
        return Decode(answer.Header, answer.Body, decode);
    }

    private async Task HandshakeAsync(CancellationToken cancellationToken)
    {
        var startup = Requests.Startup(_settings.ClientName);
        var (header, body) = await ExchangeAsync(startup, cancellationToken);
        if (header.Opcode == Opcode.Error && IsUnsupportedVersion(header, body)) throw new UnsupportedVersionException(Version);
        _reader.Segmented = Version >= 5;
        if (header.Opcode == Opcode.Error) throw ReadError(body);
        if (header.Opcode == Opcode.Ready) return;
        if (header.Opcode != Opcode.Authenticate) throw new DriverInternalError($"The server answered STARTUP with {header.Opcode}.");
        if (_settings.Credentials is not { } credentials) throw new AuthenticationException($"{Host} asks for credentials, and none are configured.");
        (header, body) = await ExchangeAsync(Requests.AuthResponse(credentials.UserName, credentials.Password), cancellationToken);
        if (header.Opcode == Opcode.Error) throw ReadError(body);
        if (header.Opcode != Opcode.AuthSuccess) throw new AuthenticationException($"{Host} wants another kind of authentication than user name and password.");
    }

    private bool IsUnsupportedVersion(FrameHeader header, byte[] body)
    {
        if (header.Version < Version) return true;
        return ReadError(body) is ProtocolErrorException { Message: var message } && message.Contains("protocol version", StringComparison.OrdinalIgnoreCase);
    }

    private async Task<(FrameHeader Header, byte[] Body)> ExchangeAsync(Request request, CancellationToken cancellationToken)
    {
        await _stream.WriteAsync(Encode(0, request), cancellationToken);
        await _stream.FlushAsync(cancellationToken);
        return await _reader.ReadAsync(cancellationToken);
    }

    private ReadOnlyMemory<byte> Encode(short stream, Request request)
    {
        var frame = new byte[FrameHeader.Length + request.Body.Length];
        new FrameHeader(Version, IsResponse: false, FrameFlags.None, stream, request.Opcode, request.Body.Length).Write(frame);
        request.Body.Span.CopyTo(frame.AsSpan(FrameHeader.Length));
        return _reader.Segmented ? Segments.Wrap(frame) : frame;
    }

    private async Task WriteLoopAsync()
    {
        try
        {
            while (await _outgoing.Reader.WaitToReadAsync(_closing.Token))
            {
                // Everything that waits goes out in one write.
                while (_outgoing.Reader.TryRead(out var frame)) await _stream.WriteAsync(frame, _closing.Token);
                await _stream.FlushAsync(_closing.Token);
            }
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
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
                if (header.Stream < 0) OnEvent(body);
                else if (_pending.TryRemove(header.Stream, out var pending)) Complete(header, body, pending);
                else throw new DriverInternalError($"An answer came for stream {header.Stream}, which nobody waits on.");
            }
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException or DriverException)
        {
            Close(e);
        }
    }

    private void Complete(FrameHeader header, byte[] body, Pending pending)
    {
        if (!pending.Answered()) Interlocked.Decrement(ref _orphans);
        _freeStreams.Enqueue(header.Stream);
        pending.Answer.TrySetResult((header, body));
    }

    private void OnEvent(byte[] body)
    {
        var reader = new BodyReader(body);
        _settings.OnEvent?.Invoke(ServerEvent.Read(ref reader));
    }

    private static T Decode<T>(FrameHeader header, byte[] body, Func<Opcode, ReadOnlyMemory<byte>, T> decode)
    {
        ReadOnlyMemory<byte> content = body;
        if (header.Flags != FrameFlags.None) content = SkipExtras(header.Flags, body);
        return header.Opcode == Opcode.Error ? throw ReadError(content) : decode(header.Opcode, content);
    }

    // Tracing id, warnings and custom payload come before the message.
    private static ReadOnlyMemory<byte> SkipExtras(FrameFlags flags, ReadOnlyMemory<byte> body)
    {
        if (flags.HasFlag(FrameFlags.Compression)) throw new DriverInternalError("The server compressed a frame, which was not asked for.");
        var reader = new BodyReader(body);
        if (flags.HasFlag(FrameFlags.Tracing)) reader.Uuid();
        if (flags.HasFlag(FrameFlags.Warning)) reader.StringList();
        if (flags.HasFlag(FrameFlags.CustomPayload)) reader.SkipBytesMap();
        return body[^reader.Remaining..];
    }

    private static ServerErrorException ReadError(ReadOnlyMemory<byte> body)
    {
        var reader = new BodyReader(body);
        return ServerErrors.Read(ref reader);
    }

    private void Close(Exception reason)
    {
        if (!_closed.TrySetResult(reason is OperationCanceledException ? null : reason)) return;
        _outgoing.Writer.TryComplete();
        _closing.Cancel();
        _stream.Dispose();
        foreach (var stream in _pending.Keys)
        {
            if (_pending.TryRemove(stream, out var pending)) pending.Answer.TrySetException(new ConnectionClosedException(Host, reason));
        }
    }

    public async ValueTask DisposeAsync()
    {
        Close(new OperationCanceledException());
        await _loops;
        _closing.Dispose();
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

/// <summary>What every connection of a cluster has in common.</summary>
internal sealed record ConnectionSettings
{
    public required byte Version { get; init; }
    public required string ClientName { get; init; }
    public (string UserName, string Password)? Credentials { get; init; }
    public Func<IPEndPoint, SslClientAuthenticationOptions>? Tls { get; init; }
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(12);
    public Action<ServerEvent>? OnEvent { get; init; }
    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>The server doesn't speak this version of the protocol.</summary>
internal sealed class UnsupportedVersionException(byte version) : DriverException($"The server does not speak version {version} of the native protocol.");
