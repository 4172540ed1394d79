using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Hosting;

/// <summary>What the cell's secrets folder held when it was last read. Immutable.</summary>
public sealed class CellSecrets
{
    public const string InternalTokenFile = "internal-token";
    public const string RedisPasswordFile = "redis-password";
    private const int MinTokenLength = 32;

    private readonly FrozenDictionary<string, byte[]> peers;
    private readonly FrozenDictionary<string, byte[]> bridges;
    private readonly FrozenDictionary<string, string> outgoing;
    private readonly byte[]? internalTokenHash;

    private CellSecrets(IReadOnlyList<SigningKey> keys, string? internalToken, string? redisPassword, Dictionary<string, byte[]> peers, Dictionary<string, byte[]> bridges, Dictionary<string, string> outgoing)
    {
        Keys = keys;
        internalTokenHash = internalToken is null ? null : Hash(internalToken);
        // Without a secret to derive it from, a key that nobody can guess: marks then hold until the folder is read anew.
        ReuseKey = internalToken is null ? RandomNumberGenerator.GetBytes(SHA256.HashSizeInBytes) : SHA256.HashData(Encoding.UTF8.GetBytes("refresh-lineage\n" + internalToken));
        ServerMessageKey = internalToken is null ? null : SHA256.HashData(Encoding.UTF8.GetBytes("server-messages\n" + internalToken));
        RedisPassword = redisPassword;
        this.peers = peers.ToFrozenDictionary(StringComparer.Ordinal);
        this.bridges = bridges.ToFrozenDictionary(StringComparer.Ordinal);
        this.outgoing = outgoing.ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>All signing keys, by kid; the last one signs.</summary>
    public IReadOnlyList<SigningKey> Keys { get; }

    /// <summary>The key of the mark by which a used refresh token is told from an invented one.</summary>
    internal byte[] ReuseKey { get; }

    /// <summary>Signs what the cell's servers send each other through Redis: 32 bytes; null without an internal token.</summary>
    internal byte[]? ServerMessageKey { get; }

    /// <summary>Null for a Redis without one.</summary>
    internal string? RedisPassword { get; }

    /// <summary>The token that we present to another cell; null when there is none.</summary>
    public string? TokenTo(string cell) => outgoing.GetValueOrDefault(cell);

    /// <summary>Who presents a token; null for an unknown one. Takes the same time whichever token it is compared with.</summary>
    public InternalCaller? Identify(string token)
    {
        var hash = Hash(token);
        InternalCaller? found = null;
        if (internalTokenHash is not null && CryptographicOperations.FixedTimeEquals(hash, internalTokenHash)) found = new InternalCaller(InternalScope.Full, null);
        foreach (var (cell, expected) in peers)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, expected)) found = new InternalCaller(InternalScope.Peer, cell);
        }
        foreach (var (cell, expected) in bridges)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, expected)) found = new InternalCaller(InternalScope.Bridge, cell);
        }
        return found;
    }

    /// <summary>Reads a folder of one file per secret: <c>signing-{kid}.pem</c>, <c>internal-token</c>, <c>peer-{cell}</c>, <c>bridge-{cell}</c>, <c>to-{cell}</c>, <c>redis-password</c>.</summary>
    /// <exception cref="CryptographicException">A signing key that is no EC P-256 private key.</exception>
    public static CellSecrets Read(IReadOnlyDictionary<string, string> files)
    {
        var keys = new List<SigningKey>();
        Dictionary<string, byte[]> ofPeers = [], ofBridges = [];
        Dictionary<string, string> toCells = [];
        string? internalToken = null, redisPassword = null;
        foreach (var (name, text) in files.OrderBy(f => f.Key, StringComparer.Ordinal))
        {
            if (name.StartsWith("signing-", StringComparison.Ordinal) && name.EndsWith(".pem", StringComparison.Ordinal))
            {
                keys.Add(SigningKey.Read(name["signing-".Length..^".pem".Length], text));
                continue;
            }
            var token = text.Trim();
            if (name == RedisPasswordFile)
            {
                redisPassword = token.Length > 0 ? token : null;
                continue;
            }
            if (token.Length < MinTokenLength) continue; // an empty or guessable token opens nothing
            if (name == InternalTokenFile) internalToken = token;
            else if (name.StartsWith("peer-", StringComparison.Ordinal)) ofPeers[name["peer-".Length..]] = Hash(token);
            else if (name.StartsWith("bridge-", StringComparison.Ordinal)) ofBridges[name["bridge-".Length..]] = Hash(token);
            else if (name.StartsWith("to-", StringComparison.Ordinal)) toCells[name["to-".Length..]] = token;
        }
        return new CellSecrets([.. keys.OrderBy(k => k.Kid, StringComparer.Ordinal)], internalToken, redisPassword, ofPeers, ofBridges, toCells);
    }

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));
}

/// <summary>An ES256 key of this cell.</summary>
public sealed class SigningKey
{
    private readonly ECDsa ecdsa;

    private SigningKey(string kid, ECDsa key)
    {
        Kid = kid;
        ecdsa = key;
        var parameters = key.ExportParameters(false);
        Public = new CellKey(kid, "EC", "P-256", Encode(parameters.Q.X), Encode(parameters.Q.Y));
    }

    public string Kid { get; }

    /// <summary>The public half, as it stands in the JWKS and in the cell map.</summary>
    public CellKey Public { get; }

    /// <summary>Signs as JWS wants it: r and s of 32 bytes each.</summary>
    public byte[] Sign(ReadOnlySpan<byte> data)
    {
        lock (ecdsa) return ecdsa.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    /// <summary>A new key in PKCS#8 PEM.</summary>
    public static string CreatePem()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return key.ExportPkcs8PrivateKeyPem();
    }

    internal static SigningKey Read(string kid, string pem)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            if (key.KeySize != 256) throw new CryptographicException($"signing-{kid}.pem is not an EC P-256 key.");
            return new SigningKey(kid, key);
        }
        catch (ArgumentException e)
        {
            key.Dispose();
            throw new CryptographicException($"signing-{kid}.pem is not a PEM private key.", e);
        }
    }

    private static string Encode(byte[]? coordinate) => System.Buffers.Text.Base64Url.EncodeToString(coordinate);
}
