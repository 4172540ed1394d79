namespace Chat.Cells.Cell.Tests.Messaging.Doubles;

/// <summary>Counts effects and stops before the n-th: from then on every effect fails, until <see cref="Restart"/>. Shared by the doubles of one cell.</summary>
internal sealed class Faults
{
    private int remaining = int.MaxValue;

    public int Steps { get; private set; }

    public bool Crashed { get; private set; }

    public void CrashBefore(int effects) => remaining = effects;

    public void Restart()
    {
        Crashed = false;
        remaining = int.MaxValue;
    }

    /// <summary>Called before each effect.</summary>
    public void Step()
    {
        if (Crashed || remaining == 0)
        {
            Crashed = true;
            throw new CrashException();
        }
        remaining--;
        Steps++;
    }
}

internal sealed class CrashException() : Exception("The process stopped here.");
