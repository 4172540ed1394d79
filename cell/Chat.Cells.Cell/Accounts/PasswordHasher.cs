using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Chat.Cells.Cell.Hosting;

namespace Chat.Cells.Cell.Accounts;

/// <summary>
/// PBKDF2-HMAC-SHA512 with a random salt, as PHC-like text: <c>$pbkdf2-sha512$i=210000$salt$hash</c>. Few hashes run at once and few wait, so that a burst of logins
/// can't take the processors from the chat. A password is hashed as it comes: clients send it in Unicode's form NFC.
/// </summary>
public sealed class PasswordHasher : IDisposable
{
    private const string Algorithm = "pbkdf2-sha512";
    private const int SaltLength = 16;
    private const int HashLength = 32;
    private const int MaxWaiting = 512;

    private readonly int iterations;
    private readonly SemaphoreSlim running;
    private readonly string dummy;
    private int waiting;

    public PasswordHasher(CellOptions options)
    {
        iterations = options.PasswordIterations;
        running = new SemaphoreSlim(Math.Max(1, Environment.ProcessorCount / 2));
        dummy = Format(RandomNumberGenerator.GetBytes(SaltLength), RandomNumberGenerator.GetBytes(HashLength), iterations);
    }

    /// <summary>Hashes a new password.</summary>
    /// <exception cref="BusyException">Too many wait already.</exception>
    public async Task<string> HashAsync(string password, CancellationToken cancellationToken)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltLength);
        var hash = await DeriveAsync(password, salt, iterations, cancellationToken);
        return Format(salt, hash, iterations);
    }

    /// <summary>Whether the password is the stored one. Without a stored one (null) it does the same work and says no.</summary>
    /// <exception cref="BusyException">Too many wait already.</exception>
    public async Task<bool> VerifyAsync(string password, string? stored, CancellationToken cancellationToken)
    {
        var known = TryParse(stored ?? dummy, out var salt, out var expected, out var rounds) || !TryParse(dummy, out salt, out expected, out rounds);
        var actual = await DeriveAsync(password, salt, rounds, cancellationToken);
        return CryptographicOperations.FixedTimeEquals(actual, expected) && known && stored is not null;
    }

    public void Dispose() => running.Dispose();

    private async Task<byte[]> DeriveAsync(string password, byte[] salt, int rounds, CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref waiting) > MaxWaiting)
        {
            Interlocked.Decrement(ref waiting);
            throw new BusyException("Too many sign-ins at once.", TimeSpan.FromSeconds(2));
        }
        try
        {
            await running.WaitAsync(cancellationToken);
            try
            {
                return await Task.Run(
                    () => Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password), salt, rounds, HashAlgorithmName.SHA512, HashLength),
                    cancellationToken);
            }
            finally
            {
                running.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }
    }

    private static string Format(byte[] salt, byte[] hash, int rounds) =>
        string.Create(CultureInfo.InvariantCulture, $"${Algorithm}$i={rounds}${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}");

    private static bool TryParse(string text, out byte[] salt, out byte[] hash, out int rounds)
    {
        (salt, hash, rounds) = ([], [], 0);
        var parts = text.Split('$');
        if (parts.Length != 5 || parts[1] != Algorithm || !parts[2].StartsWith("i=", StringComparison.Ordinal)) return false;
        if (!int.TryParse(parts[2].AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out rounds) || rounds < 1) return false;
        var saltBytes = new byte[64];
        var hashBytes = new byte[64];
        if (!Convert.TryFromBase64String(parts[3], saltBytes, out var saltLength) || !Convert.TryFromBase64String(parts[4], hashBytes, out var hashLength)) return false;
        (salt, hash) = (saltBytes[..saltLength], hashBytes[..hashLength]);
        return hashLength == HashLength;
    }
}

/// <summary>No room now; try again later.</summary>
public sealed class BusyException(string message, TimeSpan retryAfter) : Exception(message)
{
    public TimeSpan RetryAfter { get; } = retryAfter;
}
