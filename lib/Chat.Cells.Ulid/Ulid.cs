using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace System;

/// <summary>
/// A ULID (github.com/ulid/spec): 48 bits of Unix milliseconds and 80 more bits, big-endian, written as 26 characters of Crockford base32.
/// Member names are those of Cysharp's Ulid package, which this type stands for.
/// </summary>
public readonly struct Ulid : IEquatable<Ulid>, IComparable<Ulid>, IComparable, ISpanParsable<Ulid>, ISpanFormattable, IUtf8SpanFormattable
{
    private const string Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    private const int TextLength = 26;
    private const long MaxTime = (1L << 48) - 1;

    private readonly UInt128 value;

    private Ulid(UInt128 value) => this.value = value;

    /// <summary>From 16 bytes, big-endian.</summary>
    /// <exception cref="ArgumentException">Not 16 bytes.</exception>
    public Ulid(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != 16) throw new ArgumentException($"A ULID has 16 bytes, not {bytes.Length}.", nameof(bytes));
        value = BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    /// <summary>From a time and its 80 low bits (10 bytes, big-endian).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The time is negative or needs more than 48 bits.</exception>
    public static Ulid NewUlid(DateTimeOffset timestamp, ReadOnlySpan<byte> randomness)
    {
        if (randomness.Length != 10) throw new ArgumentException($"A ULID has 10 bytes of randomness, not {randomness.Length}.", nameof(randomness));
        var time = timestamp.ToUnixTimeMilliseconds();
        if (time is < 0 or > MaxTime) throw new ArgumentOutOfRangeException(nameof(timestamp), timestamp, "A ULID's time is 0 to 2^48-1 Unix milliseconds.");
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, (ulong)time << 16);
        randomness.CopyTo(bytes[6..]);
        return new Ulid(bytes);
    }

    /// <summary>A new random ULID of a given time.</summary>
    public static Ulid NewUlid(DateTimeOffset timestamp)
    {
        Span<byte> random = stackalloc byte[10];
        RandomNumberGenerator.Fill(random);
        return NewUlid(timestamp, random);
    }

    /// <summary>A new random ULID of this moment.</summary>
    public static Ulid NewUlid() => NewUlid(DateTimeOffset.UtcNow);

    public static readonly Ulid MinValue;
    public static readonly Ulid MaxValue = new(UInt128.MaxValue);
    public static readonly Ulid Empty;

    /// <summary>The time part.</summary>
    public DateTimeOffset Time => DateTimeOffset.FromUnixTimeMilliseconds((long)(ulong)(value >> 80));

    /// <summary>The 80 low bits, as 10 bytes.</summary>
    public byte[] Random => ToByteArray()[6..];

    public byte[] ToByteArray()
    {
        var bytes = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, value);
        return bytes;
    }

    public bool TryWriteBytes(Span<byte> destination) => BinaryPrimitives.TryWriteUInt128BigEndian(destination, value);

    public override string ToString() => string.Create(TextLength, value, static (span, v) => Write(span, v));

    public string ToString(string? format, IFormatProvider? formatProvider) => ToString();

    public bool TryFormat(Span<char> destination, out int charsWritten, ReadOnlySpan<char> format, IFormatProvider? provider)
    {
        charsWritten = 0;
        if (destination.Length < TextLength) return false;
        Write(destination, value);
        charsWritten = TextLength;
        return true;
    }

    public bool TryFormat(Span<byte> utf8Destination, out int bytesWritten, ReadOnlySpan<char> format, IFormatProvider? provider)
    {
        bytesWritten = 0;
        if (utf8Destination.Length < TextLength) return false;
        var rest = value;
        for (var i = TextLength - 1; i >= 0; i--, rest >>= 5) utf8Destination[i] = (byte)Alphabet[(int)(uint)rest & 31];
        bytesWritten = TextLength;
        return true;
    }

    public static Ulid Parse(string base32) => Parse(base32.AsSpan());

    /// <exception cref="FormatException">Not 26 characters of Crockford base32, or more than 128 bits.</exception>
    public static Ulid Parse(ReadOnlySpan<char> base32) =>
        TryParse(base32, out var ulid) ? ulid : throw new FormatException("A ULID is 26 characters of Crockford base32, the first one 0 to 7.");

    public static bool TryParse([NotNullWhen(true)] string? base32, out Ulid ulid) => TryParse(base32.AsSpan(), out ulid);

    public static bool TryParse(ReadOnlySpan<char> base32, out Ulid ulid)
    {
        ulid = default;
        if (base32.Length != TextLength || base32[0] is < '0' or > '7') return false;
        UInt128 v = 0;
        foreach (var c in base32)
        {
            var digit = Digit(c);
            if (digit < 0) return false;
            v = (v << 5) | (uint)digit;
        }
        ulid = new Ulid(v);
        return true;
    }

    static Ulid IParsable<Ulid>.Parse(string s, IFormatProvider? provider) => Parse(s);
    static bool IParsable<Ulid>.TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out Ulid result) => TryParse(s, out result);
    static Ulid ISpanParsable<Ulid>.Parse(ReadOnlySpan<char> s, IFormatProvider? provider) => Parse(s);
    static bool ISpanParsable<Ulid>.TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out Ulid result) => TryParse(s, out result);

    public bool Equals(Ulid other) => value == other.value;
    public override bool Equals(object? obj) => obj is Ulid other && Equals(other);
    public override int GetHashCode() => value.GetHashCode();
    public int CompareTo(Ulid other) => value.CompareTo(other.value);
    public int CompareTo(object? obj) => obj is null ? 1 : obj is Ulid other ? CompareTo(other) : throw new ArgumentException("Not a ULID.", nameof(obj));

    public static bool operator ==(Ulid left, Ulid right) => left.value == right.value;
    public static bool operator !=(Ulid left, Ulid right) => left.value != right.value;
    public static bool operator <(Ulid left, Ulid right) => left.value < right.value;
    public static bool operator >(Ulid left, Ulid right) => left.value > right.value;
    public static bool operator <=(Ulid left, Ulid right) => left.value <= right.value;
    public static bool operator >=(Ulid left, Ulid right) => left.value >= right.value;

    private static void Write(Span<char> span, UInt128 v)
    {
        for (var i = TextLength - 1; i >= 0; i--, v >>= 5) span[i] = Alphabet[(int)(uint)v & 31];
    }

    private static int Digit(char c)
    {
        if (c > 'z') return -1;
        var upper = c is >= 'a' and <= 'z' ? (char)(c - 32) : c;
        return Alphabet.IndexOf(upper, StringComparison.Ordinal);
    }
}
