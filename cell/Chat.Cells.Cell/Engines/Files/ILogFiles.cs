namespace Chat.Cells.Cell.Engines.Files;

/// <summary>
/// The folder that a segment log lives in, as the log needs it: so that tests can put a disk there that loses power, is full or fails.
/// Names are plain file names. Failures are <see cref="IOException"/>; one without room is told by <see cref="DiskErrors.IsFull"/>.
/// </summary>
public interface ILogFiles
{
    /// <summary>What stands before file names in messages: the folder's path.</summary>
    string Location { get; }

    /// <summary>Takes the folder for this process until disposed.</summary>
    /// <exception cref="IOException">Another process has it.</exception>
    IDisposable Lock();

    IReadOnlyList<string> List();

    /// <summary>Opens an existing file for reading and writing.</summary>
    IDurableFile Open(string name);

    /// <summary>Creates a file, or empties an existing one. It is there after a power loss only when <see cref="Flush"/> was called since.</summary>
    IDurableFile Create(string name);

    /// <summary>Removes a file; handles that are open on it stay readable.</summary>
    void Delete(string name);

    /// <summary>Makes creations and removals durable (fsync of the folder).</summary>
    void Flush();
}

/// <summary>One file. Not thread-safe for writing; reads may run beside a write.</summary>
public interface IDurableFile : IDisposable
{
    long Length { get; }

    void Write(long position, ReadOnlySpan<byte> bytes);

    /// <summary>Reads up to the buffer's length; fewer bytes only at the end of the file.</summary>
    int Read(long position, Span<byte> buffer);

    void Truncate(long length);

    /// <summary>Returns when everything written is on the medium. After a failure nothing may be assumed of what was written since the last success.</summary>
    void Flush();
}
