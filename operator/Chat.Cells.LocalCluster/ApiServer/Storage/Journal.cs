using System.Buffers.Binary;
using System.Numerics;
using Microsoft.Win32.SafeHandles;

namespace Chat.Cells.LocalCluster.ApiServer.Storage;

/// <summary>
/// An append-only file of frames <c>[length u32][crc32c u32][payload]</c>. A frame is on disk when <see cref="Append"/> returns. A torn or damaged tail is cut at the
/// last good frame when the file is opened.
/// </summary>
internal sealed class Journal : IDisposable
{
    private const int HeaderLength = 8;
    private const int MaxPayload = 256 * 1024 * 1024;
    private readonly SafeFileHandle _file;

    private Journal(SafeFileHandle file, long length)
    {
        _file = file;
        Length = length;
    }

    /// <summary>Bytes of whole frames in the file.</summary>
    public long Length { get; private set; }

    /// <summary>Opens or creates the file, hands every good frame to <paramref name="onFrame"/> and cuts what follows the last one.</summary>
    /// <returns>The journal and the number of bytes cut.</returns>
    public static (Journal Journal, long Cut) Open(string path, Action<ReadOnlyMemory<byte>> onFrame)
    {
        var length = File.Exists(path) ? ReadFrames(path, onFrame) : 0;
        var file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        try
        {
            var cut = RandomAccess.GetLength(file) - length;
            if (cut > 0)
            {
                RandomAccess.SetLength(file, length);
                RandomAccess.FlushToDisk(file);
            }

            return (new Journal(file, length), cut);
        }
        catch (Exception)
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads the good frames at the start of a file.</summary>
    /// <returns>The length of the good part in bytes.</returns>
    public static long ReadFrames(string path, Action<ReadOnlyMemory<byte>> onFrame)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 16);
        var header = new byte[HeaderLength];
        long good = 0;
        while (stream.ReadAtLeast(header, HeaderLength, throwOnEndOfStream: false) == HeaderLength)
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(header);
            if (length is 0 or > MaxPayload || length > stream.Length - stream.Position)
            {
                break;
            }

            var payload = new byte[length];
            stream.ReadExactly(payload);
            if (Checksum(payload) != BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4)))
            {
                break;
            }

            onFrame(payload);
            good += HeaderLength + length;
        }

        return good;
    }

    /// <summary>Writes one frame and waits until the disk has it.</summary>
    /// <exception cref="IOException">The frame could not be written; the file is as it was before.</exception>
    public void Append(ReadOnlySpan<byte> payload)
    {
        var frame = new byte[HeaderLength + payload.Length];
        WriteFrame(frame, payload);
        try
        {
            RandomAccess.Write(_file, frame, Length);
            RandomAccess.FlushToDisk(_file);
        }
        catch (IOException e)
        {
            // A part of the frame may be there: the next append begins at the same place, and a reader stops before it.
            RandomAccess.SetLength(_file, Length);
            throw new IOException($"nothing was written, the journal can't grow: {e.Message}", e);
        }

        Length += frame.Length;
    }

    /// <summary>Drops all frames, after a snapshot has taken their content.</summary>
    public void Clear()
    {
        RandomAccess.SetLength(_file, 0);
        RandomAccess.FlushToDisk(_file);
        Length = 0;
    }

    /// <summary>Writes a complete file of frames under another name and moves it into place, so that a reader sees the old file or the new one.</summary>
    public static void WriteAll(string path, IEnumerable<byte[]> payloads)
    {
        var temporary = path + ".tmp";
        using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
        {
            foreach (var payload in payloads)
            {
                var header = new byte[HeaderLength + payload.Length];
                WriteFrame(header, payload);
                stream.Write(header);
            }

            stream.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }

    public void Dispose() => _file.Dispose();

    private static void WriteFrame(Span<byte> frame, ReadOnlySpan<byte> payload)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(frame, (uint)payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], Checksum(payload));
        payload.CopyTo(frame[HeaderLength..]);
    }

    private static uint Checksum(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        while (data.Length >= 8)
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
            data = data[8..];
        }

        foreach (var b in data)
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return ~crc;
    }
}
