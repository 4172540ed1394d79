namespace Chat.Cells.Cell.Ports;

/// <summary>Whether what an engine has completed survives, as the engine runs now.</summary>
/// <param name="Engine">Which engine.</param>
/// <param name="Durable">False: it may complete a write before that is safe.</param>
/// <param name="Detail">By what, in words: settings and their values. Never a secret or an address.</param>
public sealed record EngineDurability(string Engine, bool Durable, string Detail);

/// <summary>An engine that can say when its writes are safe.</summary>
public interface IDurabilitySource
{
    /// <summary>Asks what the engine runs with.</summary>
    /// <exception cref="StoreException">The store can't be asked.</exception>
    Task<EngineDurability> ReadDurabilityAsync(CancellationToken cancellationToken);
}
