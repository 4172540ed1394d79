using Chat.Cells.Cell.Engines.Files;

namespace Chat.Cells.Cell.Tests.Engines;

/// <summary>
/// A disk in memory that keeps apart what was written and what is durable. It can lose power, be full, and fail an fsync. What a power loss does to writes that were
/// not flushed is the worst that disks do: each sector of them is there or not, files grow with zeros, new names are there or not.
/// </summary>
internal sealed class UnreliableDisk : ILogFiles
{
    private const int Sector = 64;

    private readonly Lock gate = new();
    private readonly Dictionary<string, Content> names = new(StringComparer.Ordinal);
    private Dictionary<string, Content> durableNames = new(StringComparer.Ordinal);
    private bool locked;

    public string Location => "memory";

    /// <summary>Operations until the power goes; from then on everything fails.</summary>
    public int OperationsLeft { get; set; } = int.MaxValue;

    public long Capacity { get; set; } = long.MaxValue;

    public bool FailFlush { get; set; }

    public int Flushes { get; private set; }

    /// <summary>The disk as it is found when the power is back.</summary>
    /// <param name="random">Decides what survives of the writes that were not flushed; null: nothing.</param>
    public UnreliableDisk AfterPowerLoss(Random? random)
    {
        lock (gate)
        {
            var after = new UnreliableDisk();
            foreach (var name in names.Keys.Union(durableNames.Keys))
            {
                var here = names.GetValueOrDefault(name);
                var durable = durableNames.GetValueOrDefault(name);
                var found = here == durable || random is null ? durable : random.Next(2) == 0 ? here : durable;
                if (found is not null) after.names.Add(name, found.AfterPowerLoss(random));
            }
            after.durableNames = new Dictionary<string, Content>(after.names, StringComparer.Ordinal);
            return after;
        }
    }

    /// <summary>The bytes of a file, for tests to damage. They are durable.</summary>
    public byte[] this[string name]
    {
        get
        {
            lock (gate) return names[name].Written;
        }
        set
        {
            lock (gate) names[name].Written = names[name].Durable = value;
        }
    }

    public IDisposable Lock()
    {
        if (locked) throw new IOException("The disk is locked.");
        locked = true;
        return new Unlock(this);
    }

    public IReadOnlyList<string> List()
    {
        lock (gate) return [.. names.Keys];
    }

    public IDurableFile Open(string name)
    {
        lock (gate) return new OpenFile(this, names[name]);
    }

    public IDurableFile Create(string name) => Do(() => new OpenFile(this, names[name] = new Content()));

    public void Delete(string name) => Do(() => names.Remove(name));

    public void Flush() => Do(() => durableNames = new Dictionary<string, Content>(names, StringComparer.Ordinal));

    private T Do<T>(Func<T> operation)
    {
        lock (gate)
        {
            if (OperationsLeft <= 0) throw new IOException("The power is off.");
            OperationsLeft--;
            return operation();
        }
    }

    private sealed class Content
    {
        public byte[] Written { get; set; } = [];
        public byte[] Durable { get; set; } = [];

        public Content AfterPowerLoss(Random? random)
        {
            var found = Durable;
            if (random is not null && Written.Length > Durable.Length)
            {
                found = new byte[random.Next(Durable.Length, Written.Length + 1)];
                Durable.CopyTo(found, 0);
                for (var at = Durable.Length; at < found.Length; at += Sector)
                {
                    if (random.Next(4) != 0) Written.AsSpan(at, Math.Min(Sector, found.Length - at)).CopyTo(found.AsSpan(at));
                }
            }
            return new Content { Written = found, Durable = found };
        }
    }

    private sealed class OpenFile(UnreliableDisk disk, Content content) : IDurableFile
    {
        public long Length
        {
            get
            {
                lock (disk.gate) return content.Written.Length;
            }
        }

        public void Write(long position, ReadOnlySpan<byte> bytes)
        {
            var copy = bytes.ToArray();
            disk.Do(() =>
            {
                var used = disk.names.Values.Sum(file => (long)file.Written.Length) - content.Written.Length;
                var room = (int)Math.Clamp(disk.Capacity - used - position, 0, copy.Length);
                // The first part of a write may fit: that is what a real disk does, too.
                var grown = new byte[Math.Max(content.Written.Length, position + room)];
                content.Written.CopyTo(grown, 0);
                copy.AsSpan(0, room).CopyTo(grown.AsSpan((int)position));
                content.Written = grown;
                return room == copy.Length ? room : throw DiskErrors.Full("No space left on device.");
            });
        }

        public int Read(long position, Span<byte> buffer)
        {
            lock (disk.gate)
            {
                var count = (int)Math.Clamp(content.Written.Length - position, 0, buffer.Length);
                content.Written.AsSpan((int)Math.Min(position, content.Written.Length), count).CopyTo(buffer);
                return count;
            }
        }

        public void Truncate(long length) => disk.Do(() => content.Written = content.Written[..(int)length]);

        public void Flush() => disk.Do(() =>
        {
            if (disk.FailFlush) throw new IOException("Input/output error.");
            disk.Flushes++;
            return content.Durable = content.Written;
        });

        public void Dispose()
        {
            // Nothing is held.
        }
    }

    private sealed class Unlock(UnreliableDisk disk) : IDisposable
    {
        public void Dispose() => disk.locked = false;
    }
}
