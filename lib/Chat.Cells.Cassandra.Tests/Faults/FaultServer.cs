using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Cassandra.Connections;
using Cassandra.Protocol;

namespace Cassandra.Tests.Faults;

/// <summary>
/// One scripted node: just enough of protocol v4 and v5 for a driver to connect, discover, prepare and execute. What it answers to statements, and which faults it commits, the test
/// says. No imitation of Cassandra: it stores nothing.
/// </summary>
internal sealed class FaultServer : IAsyncDisposable
{
    private static readonly CqlType Text = new(ColumnTypeCode.Text, []);
    private readonly ConcurrentDictionary<string, string> _prepared = new();
    private readonly ConcurrentDictionary<Peer, bool> _peers = new();
    private readonly HeldPort _port = new();
    private TcpListener? _listener;
    private CancellationTokenSource _stop = new();
    private Task _accepting = Task.CompletedTask;
    private int _accepted;
    private int _prepares;

    public FaultServer() => Start();

    public IPEndPoint Endpoint => _port.EndPoint;

    /// <summary>What others tell of where it is; null: <see cref="Endpoint"/>.</summary>
    public IPEndPoint? Told { get; set; }

    public Guid HostId { get; } = Guid.NewGuid();
    public string Datacenter { get; init; } = "dc1";
    public string[] Tokens { get; init; } = ["0"];
    public string ReleaseVersion { get; init; } = "4.0.11";
    public byte MaxVersion { get; init; } = 5;

    /// <summary>Version 5 is there, but only for those who ask for a beta: the refusal then is itself a v5 frame.</summary>
    public bool Version5IsBeta { get; init; }

    public (string User, string Password)? Credentials { get; set; }

    /// <summary>Not null: TLS.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>The other nodes it tells of; replaced, never changed, for a driver may be reading them.</summary>
    public IReadOnlyList<FaultServer> Peers { get; set; } = [];

    public Dictionary<string, Prepared> Statements { get; } = [];

    /// <summary>Answers QUERY, EXECUTE and BATCH on tables that aren't the system's.</summary>
    public Func<ServerRequest, Task<Reply>> OnStatement { get; set; } = _ => Task.FromResult(Reply.Void);

    public Func<Guid> SchemaVersion { get; set; } = () => Guid.Empty;

    /// <summary>Nothing is answered any more, heartbeats included.</summary>
    public volatile bool Mute;

    public ConcurrentQueue<ServerRequest> Received { get; } = new();

    public int Accepted => Volatile.Read(ref _accepted);

    public int Prepares => Volatile.Read(ref _prepares);

    public int Connections => _peers.Count;

    /// <summary>Connections that asked for events.</summary>
    public int Watchers => _peers.Keys.Count(p => p.Registered);

    public void Forget() => _prepared.Clear();

    public void Start()
    {
        _stop = new CancellationTokenSource();
        _listener = new TcpListener(Endpoint);
        _listener.Start();
        _accepting = AcceptAsync(_listener, _stop.Token);
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        // Before the listener stops: one that is stopped between two connections refuses to accept the next one, whatever the token says.
        await _accepting;
        _listener!.Stop();
        foreach (var peer in _peers.Keys) peer.Client.Dispose();
        _peers.Clear();
    }

    /// <summary>Sends an EVENT to all who registered.</summary>
    public async Task PushAsync(string type, string change, IPEndPoint node)
    {
        var reply = Reply.Of(Opcode.Event, w =>
        {
            w.String(type);
            w.String(change);
            w.Byte((byte)node.Address.GetAddressBytes().Length);
            foreach (var b in node.Address.GetAddressBytes()) w.Byte(b);
            w.Int(node.Port);
        });
        foreach (var peer in _peers.Keys.Where(p => p.Registered)) await WriteAsync(peer, -1, reply);
    }

    private async Task AcceptAsync(TcpListener listener, CancellationToken stop)
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptTcpClientAsync(stop);
                client.NoDelay = true;
                Interlocked.Increment(ref _accepted);
                _ = ServeAsync(client, stop);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    private async Task ServeAsync(TcpClient client, CancellationToken stop)
    {
        Stream stream = client.GetStream();
        var peer = new Peer(client, Certificate is null ? stream : stream = new SslStream(stream));
        _peers[peer] = true;
        try
        {
            if (stream is SslStream secured) await secured.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = Certificate }, stop);
            while (true)
            {
                var (header, body) = await peer.Reader.ReadAsync(stop);
                if (Mute) continue;
                if (!peer.Started) await StartupAsync(peer, header);
                else _ = AnswerAsync(peer, header, body);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ObjectDisposedException or DriverException or System.Security.Authentication.AuthenticationException)
        {
            // Stopped, or the driver went away.
        }
        finally
        {
            peer.Client.Dispose();
            _peers.TryRemove(peer, out _);
        }
    }

    private async Task StartupAsync(Peer peer, FrameHeader header)
    {
        peer.Version = Math.Min(header.Version, MaxVersion);
        if (header.Version > MaxVersion)
        {
            await WriteAsync(peer, header.Stream, Reply.Error(0x000A, $"Invalid or unsupported protocol version ({header.Version}); the greatest is {MaxVersion}"));
            return;
        }
        if (header.Version == 5 && Version5IsBeta)
        {
            await WriteAsync(peer, header.Stream, Reply.Error(0x000A, "Beta version of the protocol used (5/v5-beta), but USE_BETA flag is unset"));
            return;
        }
        await WriteAsync(peer, header.Stream, Credentials is null ? Reply.Of(Opcode.Ready, _ => { }) : Reply.Of(Opcode.Authenticate, w => w.String("org.apache.cassandra.auth.PasswordAuthenticator")));
        peer.Started = true;
        peer.Reader.Segmented = peer.Version >= 5;
    }

    private async Task AnswerAsync(Peer peer, FrameHeader header, byte[] body)
    {
        try
        {
            await WriteAsync(peer, header.Stream, await ReplyToAsync(peer, header, body));
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or SocketException or InvalidOperationException)
        {
            // The driver went away meanwhile.
        }
    }

    private async Task<Reply> ReplyToAsync(Peer peer, FrameHeader header, byte[] body)
    {
        switch (header.Opcode)
        {
            case Opcode.Options:
                return Reply.Of(Opcode.Supported, w => w.Short(0));
            case Opcode.Register:
                peer.Registered = true;
                return Reply.Of(Opcode.Ready, _ => { });
            case Opcode.AuthResponse:
                var token = Encoding.UTF8.GetString(body.AsSpan(4));
                return token == $"\0{Credentials!.Value.User}\0{Credentials.Value.Password}"
                    ? Reply.Of(Opcode.AuthSuccess, w => w.Bytes(null))
                    : Reply.Error(0x0100, "Provided username and/or password are incorrect");
            case Opcode.Prepare:
                return Prepare(header, body);
            default:
                var request = RequestReader.Read(header, body, id => _prepared.GetValueOrDefault(Convert.ToHexString(id)), out var unknown);
                if (unknown is not null) return Reply.Error(0x2500, "Prepared query with this ID not found", w => w.ShortBytes(unknown));
                if (SystemTable(request.Cql) is { } rows) return rows;
                Received.Enqueue(request);
                return await OnStatement(request);
        }
    }

    private Reply Prepare(FrameHeader header, byte[] body)
    {
        var reader = new BodyReader(body);
        var cql = reader.LongString();
        if (!Statements.TryGetValue(cql, out var prepared)) return Reply.Error(0x2000, $"line 1:0 no viable alternative at input '{cql}'");
        var id = SHA256.HashData(Encoding.UTF8.GetBytes(cql))[..16];
        _prepared[Convert.ToHexString(id)] = cql;
        Interlocked.Increment(ref _prepares);
        return Reply.Result(4, w =>
        {
            w.ShortBytes(id);
            if (header.Version >= 5) w.ShortBytes([1]);
            w.Int(0);
            w.Int(prepared.Variables.Length);
            w.Int(prepared.PartitionKeys.Length);
            foreach (var index in prepared.PartitionKeys) w.Short((ushort)index);
            Reply.Columns(w, prepared.Variables);
            w.Int(prepared.Columns.Length == 0 ? 4 : 0);
            w.Int(prepared.Columns.Length);
            Reply.Columns(w, prepared.Columns);
        });
    }

    private Reply? SystemTable(string cql)
    {
        if (cql.Contains("schema_version"))
        {
            CqlColumn[] pair = [Column("host_id", new CqlType(ColumnTypeCode.Uuid, [])), Column("schema_version", new CqlType(ColumnTypeCode.Uuid, []))];
            return Reply.Rows(pair, cql.Contains("system.local") ? [[HostId, SchemaVersion()]] : Peers.Select(p => (object?[])[p.HostId, p.SchemaVersion()]));
        }
        if (cql.Contains("FROM system.local")) return Reply.Rows(HostColumns(withAddress: false), [HostRow(this)]);
        if (cql.Contains("FROM system.peers_v2"))
        {
            return Reply.Rows(HostColumns(withAddress: true), Peers.Select(p => (object?[])[.. HostRow(p), (p.Told ?? p.Endpoint).Address, (p.Told ?? p.Endpoint).Port]));
        }
        if (!cql.Contains("FROM system_schema.keyspaces")) return null;
        CqlColumn[] columns = [Column("keyspace_name", Text), Column("replication", new CqlType(ColumnTypeCode.Map, [Text, Text]))];
        var replication = new Dictionary<string, string> { ["class"] = "org.apache.cassandra.locator.NetworkTopologyStrategy", ["dc1"] = "1" };
        return Reply.Rows(columns, [["k", replication]]);
    }

    private static object?[] HostRow(FaultServer s) => [s.HostId, s.Datacenter, "rack1", s.Tokens, s.ReleaseVersion];

    private static CqlColumn[] HostColumns(bool withAddress)
    {
        CqlColumn[] columns = [
            Column("host_id", new CqlType(ColumnTypeCode.Uuid, [])), Column("data_center", Text), Column("rack", Text),
            Column("tokens", new CqlType(ColumnTypeCode.Set, [Text])), Column("release_version", Text),
        ];
        return withAddress ? [.. columns, Column("native_address", new CqlType(ColumnTypeCode.Inet, [])), Column("native_port", new CqlType(ColumnTypeCode.Int, []))] : columns;
    }

    private static CqlColumn Column(string name, CqlType type) => new("system", "t", name, type);

    private static async Task WriteAsync(Peer peer, short stream, Reply reply)
    {
        if (reply.Fault == Fault.Silence) return;
        if (reply.Fault == Fault.WrongStream) stream += 1000;
        var frame = new byte[FrameHeader.Length + reply.Body.Length];
        new FrameHeader(peer.Version, IsResponse: true, FrameFlags.None, stream, reply.Opcode, reply.Body.Length).Write(frame);
        reply.Body.CopyTo(frame.AsSpan(FrameHeader.Length));
        if (peer.Reader.Segmented) frame = Segments.Wrap(frame);
        await peer.Writing.WaitAsync();
        try
        {
            if (reply.Fault == Fault.HalfFrame) frame = frame[..(frame.Length / 2)];
            if (reply.Fault != Fault.Drop) await peer.Stream.WriteAsync(frame);
            if (reply.Fault is Fault.Drop or Fault.HalfFrame) peer.Client.Dispose();
        }
        finally
        {
            peer.Writing.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _port.Dispose();
    }

    private sealed class Peer(TcpClient client, Stream stream)
    {
        public TcpClient Client => client;
        public Stream Stream => stream;
        public FrameReader Reader { get; } = new(stream);
        public SemaphoreSlim Writing { get; } = new(1);
        public byte Version { get; set; }
        public bool Started { get; set; }
        public volatile bool Registered;
    }
}
