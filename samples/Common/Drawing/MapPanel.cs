namespace MedPeft.Samples.Drawing;

/// <summary>A picture of a <see cref="MapSheet"/>.</summary>
/// <param name="Title">Above it, bold.</param>
/// <param name="Note">Below the title.</param>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
/// <param name="Channels">1 (gray) or 3 (RGB).</param>
/// <param name="Pixels">Bytes, [Height, Width, Channels].</param>
public sealed record MapPanel(string Title, string Note, int Width, int Height, int Channels, byte[] Pixels);
