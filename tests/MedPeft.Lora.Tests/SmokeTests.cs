namespace MedPeft.Lora.Tests;

public class SmokeTests
{
    [Fact]
    public void Torch_loads() => Assert.Equal(3, torch.ones(3).sum().item<float>());
}
