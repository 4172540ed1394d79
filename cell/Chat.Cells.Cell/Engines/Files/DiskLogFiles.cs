using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Chat.Cells.Cell.Engines.Files;

/// <summary>A real folder.</summary>
public sealed class DiskLogFiles : ILogFiles
{
    private const string LockName = "lock";

    public DiskLogFiles(string folder)
    {
        Location = Path.GetFullPath(folder);
        Directory.CreateDirectory(Location);
    }

    public string Location { get; }

    public IDisposable Lock() => new FileStream(Path.Combine(Location, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);

    public IReadOnlyList<string> List() => [.. Directory.EnumerateFiles(Location).Select(path => Path.GetFileName(path))];

    public IDurableFile Open(string name) => new DiskFile(Path.Combine(Location, name), FileMode.Open);

    public IDurableFile Create(string name) => new DiskFile(Path.Combine(Location, name), FileMode.Create);

    public void Delete(string name) => File.Delete(Path.Combine(Location, name));

    public void Flush()
    {
        // Windows has no such call: NTFS journals its folders.
        if (!OperatingSystem.IsWindows()) UnixFolder.Flush(Location);
    }

    private sealed class DiskFile(string path, FileMode mode) : IDurableFile
    {
        private readonly SafeFileHandle handle = File.OpenHandle(path, mode, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete);

        public long Length => RandomAccess.GetLength(handle);

        public void Write(long position, ReadOnlySpan<byte> bytes) => RandomAccess.Write(handle, bytes, position);

        public int Read(long position, Span<byte> buffer)
        {
            var total = 0;
            while (total < buffer.Length)
            {
                var read = RandomAccess.Read(handle, buffer[total..], position + total);
                if (read == 0) break;
                total += read;
            }
            return total;
        }

        public void Truncate(long length) => RandomAccess.SetLength(handle, length);

        public void Flush() => RandomAccess.FlushToDisk(handle);

        public void Dispose() => handle.Dispose();
    }

    /// <summary>.NET opens no folders, so their fsync goes to the C library.</summary>
    private static class UnixFolder
    {
        public static void Flush(string folder)
        {
            var descriptor = Open(Encoding.UTF8.GetBytes(folder + '\0'), flags: 0);
            if (descriptor < 0) throw Error("open", folder);
            try
            {
                if (FSync(descriptor) != 0) throw Error("fsync", folder);
            }
            finally
            {
                _ = Close(descriptor);
            }
        }

        private static IOException Error(string call, string folder)
        {
            var errno = Marshal.GetLastPInvokeError();
            return new IOException($"{call} of {folder} failed: {Marshal.GetPInvokeErrorMessage(errno)}", errno);
        }

        [DllImport("libc", EntryPoint = "open", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        private static extern int Open(byte[] path, int flags);

        [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        private static extern int FSync(int descriptor);

        [DllImport("libc", EntryPoint = "close", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        private static extern int Close(int descriptor);
    }
}

/// <summary>What an <see cref="IOException"/> from a disk means.</summary>
public static class DiskErrors
{
    private const int Enospc = 28;
    private const int Edquot = 122;
    private const int WindowsDiskFull = unchecked((int)0x80070070);

    /// <summary>No space left, or over quota.</summary>
    public static bool IsFull(IOException error) =>
        OperatingSystem.IsWindows() ? error.HResult == WindowsDiskFull : error.HResult is Enospc or Edquot;

    /// <summary>The error that a full disk gives here.</summary>
    public static IOException Full(string message) => new(message, OperatingSystem.IsWindows() ? WindowsDiskFull : Enospc);
}
